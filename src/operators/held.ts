import { from, Observable, type ObservableInput, type ObservedValueOf } from 'rxjs'
import {
  currentDelivery,
  enter,
  type Holding,
  hold,
  leave,
  type Release,
} from '../delivery/delivery.js'
import { observe } from '../internal/observe.js'

/**
 * Makes a `project` for RxJS's own operators that keeps the event's delivery open until its work
 * settles: `mergeMap(held(async (event) => …))`.
 *
 * The delivery fails when the work fails, or is unsubscribed before its end (as `switchMap` does).
 *
 * **Errors**: throws {@link HoldError} if the operator calls it after the delivery has ended, as
 * `concatMap`, or `mergeMap` with a concurrency, do with asynchronous work. Use
 * {@link boundedMergeMap} instead.
 *
 * ```
 * source    -a-b-c------|
 * project    --r|
 * result    ---r-r-r----|    (mergeMap)
 * ```
 *
 * @example
 * ```ts
 * jetstream$(config).pipe(mergeMap(held(async (event) => posts.apply(event))))
 * ```
 */
export function held<T, O extends ObservableInput<unknown>>(
  project: (value: T, index: number) => O,
): (value: T, index: number) => Observable<ObservedValueOf<O>> {
  return (value, index) => {
    const release = hold()
    try {
      return releasing(
        from(project(value, index)) as Observable<ObservedValueOf<O>>,
        currentDelivery(),
        release,
      )
    } catch (error) {
      release.failed()
      throw error
    }
  }
}

const releasing = <T>(
  work: Observable<T>,
  holding: Holding | undefined,
  release: Release,
): Observable<T> =>
  new Observable<T>((destination) => {
    destination.add(() => release.failed())
    observe(
      work,
      destination,
      (value) => {
        // Later operators may hold it too.
        const outer = enter(holding)
        try {
          destination.next(value)
        } finally {
          leave(outer)
        }
      },
      () => {
        release()
        destination.complete()
      },
    )
  })
