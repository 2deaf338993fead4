import { type Observable, of, Subject, type Subscription, take, timer } from 'rxjs'
import type { Connection } from '../socket/socket.js'

/** Called as the queues fill up and empty. */
export interface PressureHandlers {
  paused(): void
  resumed(): void
  /** The queues have been full for so long that the connection had better end. */
  close(): void
}

/**
 * Backpressure of all queues together. First the reading stops, so that TCP slows the server down.
 * Servers cut a reader that stays blocked; before they do, the connection is closed, to be dialled
 * again at the resume cursor.
 */
export class Pressure {
  #high = false
  #connection: Connection | undefined
  #closing: Subscription | undefined
  readonly #resumed$ = new Subject<void>()

  constructor(
    private readonly pauseCloseMs: number,
    private readonly handlers: PressureHandlers,
  ) {}

  /** Whether a queue is full. */
  get high(): boolean {
    return this.#high
  }

  /** A connection opened; a queue may have filled before it did. */
  opened(connection: Connection): void {
    this.#connection = connection
    if (this.#high) this.#suspend()
  }

  disconnected(): void {
    this.#connection = undefined
    this.#closing?.unsubscribe()
  }

  pause(): void {
    this.#high = true
    this.#suspend()
  }

  resume(): void {
    this.#high = false
    this.#closing?.unsubscribe()
    if (this.#connection !== undefined) {
      this.handlers.resumed()
      this.#connection.resume()
    }
    this.#resumed$.next()
  }

  /** Yields when no queue is full. */
  low(): Observable<unknown> {
    return this.#high ? this.#resumed$.pipe(take(1)) : of(undefined)
  }

  #suspend(): void {
    if (this.#connection === undefined) return
    this.handlers.paused()
    this.#connection.pause()
    if (this.#connection.canRest) return
    if (this.#connection.canPause)
      this.#closing = timer(this.pauseCloseMs).subscribe(() => this.handlers.close())
    else this.handlers.close()
  }
}
