import { type MonoTypeOperatorFunction, mergeAll, Observable, Subject } from 'rxjs'
import { currentDelivery } from '../delivery/delivery.js'
import { observe, operate } from '../internal/observe.js'
import { BoundedWork, type Work } from './bounded-work.js'
import type { QueueBounds } from './queue-options.js'

/** How values find their work. */
export interface Routing<T> {
  /** The name of the work for a value; `undefined`: none. */
  keyOf(value: T): string | undefined
  /** Called once for each key. */
  workOf(key: string): Work<T, T>
  /** Receives each value for which there is no work. */
  unrouted(value: T): void
}

/**
 * Bounded work for each key. As `groupBy` and `mergeMap`, but each value goes to its queue in one
 * call, where a group makes a function for each of its values.
 */
export const routedWork = <T>(
  { keyOf, workOf, unrouted }: Routing<T>,
  bounds: QueueBounds<T>,
): MonoTypeOperatorFunction<T> =>
  operate((source, destination) => {
    const queues = new Map<string, BoundedWork<T, T>>()
    const results$ = new Subject<Observable<T>>()
    const open = (key: string): BoundedWork<T, T> | undefined => {
      const work = workOf(key)
      results$.next(
        new Observable<T>((subscriber) => {
          const queue = new BoundedWork(work, bounds, subscriber)
          queues.set(key, queue)
          return () => queue.abandon()
        }),
      )
      return queues.get(key)
    }
    observe(
      results$.pipe(mergeAll()),
      destination,
      (result) => destination.next(result),
      () => destination.complete(),
    )
    observe(
      source,
      destination,
      (value) => {
        if (destination.closed) {
          refuse()
          return
        }
        const key = keyOf(value)
        if (key === undefined) unrouted(value)
        else (queues.get(key) ?? open(key))?.take(value)
      },
      () => {
        for (const queue of queues.values()) queue.sourceCompleted()
        results$.complete()
      },
    )
  })

/** A queue that ends resumes its source, which may emit more before it is left: not done. */
function refuse(): void {
  const holding = currentDelivery()
  holding?.hold()
  holding?.release('failed')
}
