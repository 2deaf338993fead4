import { type Observable, Subject, takeUntil } from 'rxjs'

/** What the function that makes a native `Observable` receives. */
export interface NativeSubscriber<T> {
  next(value: T): void
  error(error: unknown): void
  complete(): void
  addTeardown(teardown: () => void): void
}

/** The class of a native `Observable`, or one with its constructor. */
export type NativeConstructor<T, Native> = new (
  start: (subscriber: NativeSubscriber<T>) => void,
) => Native

/**
 * Makes a source an `Observable` of the platform, or of RxJS 9, which extends that one: pass the
 * class. A delivery ends when the observers have returned, unless they {@link hold} it. Aborting
 * the signal of `subscribe` unsubscribes.
 *
 * Observers of a native `Observable` share one subscription of the source, from the first to the
 * last of them; those of a `ColdObservable` of RxJS 9 have one each.
 *
 * **Loss**: a native observer that throws does not end the stream: the platform reports its error,
 * and the event counts as done. Nothing pauses the source. So put work that can fail or wait into
 * `ingest` or `boundedMergeMap`, above.
 *
 * @example
 * ```ts
 * import type { NativeSubscriber } from 'rxjs-atproto'
 * declare class Observable<T> {
 *   constructor(start: (subscriber: NativeSubscriber<T>) => void)
 *   subscribe(next: (value: T) => void, options: { signal: AbortSignal }): void
 * }
 * const stop = new AbortController()
 * toNative(jetstream$(config), Observable).subscribe(({ did }) => console.log(did), stop)
 * ```
 */
export const toNative = <T, Native>(
  source$: Observable<T>,
  Constructor: NativeConstructor<T, Native>,
): Native =>
  new Constructor((subscriber) => {
    const left$ = new Subject<void>()
    // Before the subscription: a synchronous source may be left while it emits.
    subscriber.addTeardown(() => left$.next())
    source$.pipe(takeUntil(left$)).subscribe({
      next: (value) => subscriber.next(value),
      error: (error) => subscriber.error(error),
      complete: () => subscriber.complete(),
    })
  })
