import { merge, Observable, take, timer } from 'rxjs'
import type { Connection, Dial } from '../../socket/socket.js'

/**
 * A handler that never ends must not keep the connection open: the server would continue to send it
 * events that nobody reads.
 */
const LONGEST_MS = 10_000

/**
 * Like `dial`, but after unsubscription the connection stays open, paused, until `idle$` emits.
 * Work in flight at unsubscription can then still be acked on it. The limit is 10 s.
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
        // Whether the subscription has ended, or only the connection, is known after this call.
        else queueMicrotask(linger)
      }
    })
