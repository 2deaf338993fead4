import { merge, Observable, take, timer } from 'rxjs'
import type { Connection, Dial } from '../../socket/socket.js'

/**
 * A handler that never ends must not hold a connection: the server would go on giving it events
 * that nobody reads.
 */
const LONGEST_MS = 10_000

/**
 * Like `dial`, but after the unsubscription the connection stays, unread, until `idle$` yields:
 * what was worked on at the end of the subscription can still be acked on it.
 */
export const lingering =
  (dial: Dial, idle$: () => Observable<unknown>): Dial =>
  (options) =>
    new Observable((subscriber) => {
      let connection: Connection | undefined
      const socket = dial(options).subscribe({
        next(opened) {
          connection = opened
          subscriber.next(opened)
        },
        error: (error) => subscriber.error(error),
      })
      const linger = (): void => {
        if (socket.closed) return
        connection?.pause()
        socket.add(
          merge(idle$(), timer(LONGEST_MS))
            .pipe(take(1))
            .subscribe(() => socket.unsubscribe()),
        )
      }
      return () => {
        if (connection === undefined) socket.unsubscribe()
        // Only when this call is over is it clear whether the subscription has ended, or the
        // connection alone.
        else queueMicrotask(linger)
      }
    })
