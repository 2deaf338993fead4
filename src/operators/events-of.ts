import { Observable, type Subscription } from 'rxjs'
import { boundedWork } from './bounded-work.js'
import { checkQueueOptions, type QueueOptions, queueShape } from './queue-options.js'

/** How many values may wait for the loop of {@link eventsOf}. */
export type EventsOptions<T> = Omit<QueueOptions<T>, 'concurrency' | 'orderBy'>

const { concurrency: _concurrency, orderBy: _orderBy, ...eventsShape } = queueShape

/**
 * Makes a source an async iterable, for `for await`. Asking for the next value ends the delivery of
 * the last one; while the loop's body runs, its event is not done. A full queue pauses the source.
 *
 * **Order**: that of the source. **Loss**: none under `overflow: 'pause'` (the default).
 * **Completion**: the loop ends when the source has completed and its checkpoint is saved.
 * **Errors**: thrown by the loop. {@link ConfigError} at the call. **Unsubscription**: `break`,
 * `return` and an error in the body unsubscribe; the event of the body and those that wait count as
 * failed, and a restart delivers them again.
 *
 * The source is subscribed when the first value is asked for. Each call is one subscription.
 *
 * @example
 * ```ts
 * for await (const event of eventsOf(jetstream$(config))) await posts.apply(event)
 * ```
 */
export function eventsOf<T>(
  source$: Observable<T>,
  options: EventsOptions<T> = {},
): AsyncIterableIterator<T, undefined> {
  const given = checkQueueOptions('eventsOf', eventsShape, options)
  const bounds = { ...given, concurrency: 1, orderBy: undefined }
  return new EventIterator((start) => source$.pipe(boundedWork({ start }, bounds)))
}

/** A value that the loop has, or may have next. */
interface Offer<T> {
  readonly value: T
  /** Ends its delivery. */
  done(): void
}

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(error: unknown): void
}

const OVER = { done: true, value: undefined } as const

class EventIterator<T> implements AsyncIterableIterator<T, undefined> {
  #subscription: Subscription | undefined
  // The loop's own, and the one that nobody has asked for yet.
  #current: Offer<T> | undefined
  #offered: Offer<T> | undefined
  readonly #waiters: Waiter<T>[] = []
  #end: { readonly error?: unknown } | undefined

  constructor(
    private readonly work: (start: (value: T) => Observable<never>) => Observable<never>,
  ) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const result = new Promise<IteratorResult<T, undefined>>((resolve, reject) =>
      this.#waiters.push({ resolve, reject }),
    )
    this.#endCurrent()
    if (this.#end === undefined) this.#subscription ??= this.#subscribe()
    this.#serve()
    return result
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end ??= {}
    this.#offered = undefined
    this.#subscription?.unsubscribe()
    this.#serve()
    return OVER
  }

  #subscribe(): Subscription {
    const start = (value: T): Observable<never> =>
      new Observable((work) => {
        this.#offered = { value, done: () => work.complete() }
        this.#serve()
      })
    return this.work(start).subscribe({
      error: (error: unknown) => this.#over({ error }),
      complete: () => this.#over({}),
    })
  }

  #over(end: { readonly error?: unknown }): void {
    this.#end ??= end
    this.#serve()
  }

  #endCurrent(): void {
    const current = this.#current
    this.#current = undefined
    current?.done()
  }

  #serve(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      const offer = this.#offered
      if (offer !== undefined) {
        this.#waiters.shift()
        this.#offered = undefined
        this.#current = offer
        waiter.resolve({ done: false, value: offer.value })
        // Somebody has asked for the next one already.
        if (this.#waiters.length > 0) this.#endCurrent()
      } else if (this.#end !== undefined) {
        this.#waiters.shift()
        this.#finish(waiter, this.#end)
      } else return
    }
  }

  /** An error is thrown once, as a generator throws it. */
  #finish(waiter: Waiter<T>, end: { readonly error?: unknown }): void {
    this.#end = {}
    if ('error' in end) waiter.reject(end.error)
    else waiter.resolve(OVER)
  }
}
