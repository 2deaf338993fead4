import type { ObservableInput, OperatorFunction } from 'rxjs'
import { boundedWork } from './bounded-work.js'
import { checkQueueOptions, type QueueOptions, queueShape } from './queue-options.js'

/** How many values {@link boundedMergeMap} queues and works on at once. */
export type BoundedMergeMapOptions<T> = QueueOptions<T>

/**
 * Works on each value, with a bound on how many run and how many wait. Like RxJS's `mergeMap`, but
 * a full queue pauses the source, or drops and reports a value, where `mergeMap` queues without a
 * bound; and each event's delivery stays open until its work has ended.
 *
 * **Order**: work starts in order of arrival, per key with `orderBy`; results are emitted as the
 * work ends. **Loss**: none under `overflow: 'pause'` (the default); drops of another policy are
 * counted and reported. **Completion**: when the source has completed, all work has ended and its
 * checkpoint is saved. **Errors**: failed work errors the result; its delivery counts as failed.
 * {@link ConfigError} at the call. **Unsubscription**: gives up waiting values: their deliveries
 * count as failed, and a restart delivers them again. The same holds for a promise that resolves
 * with a value afterwards, since nobody receives it; one that resolves with `undefined` is done.
 *
 * ```
 * source    -a-b-c------|
 * project    --r|
 * result    ---r-r-r----|    (concurrency: 3)
 * result    ---r--r--r--|    (concurrency: 1)
 * ```
 *
 * @example
 * ```ts
 * jetstream$(config).pipe(
 *   boundedMergeMap((event) => index(event), { concurrency: 16, orderBy: (event) => event.did }),
 * )
 * ```
 */
export function boundedMergeMap<T, R>(
  project: (value: T, index: number) => ObservableInput<R>,
  options: BoundedMergeMapOptions<T> = {},
): OperatorFunction<T, R> {
  const bounds = checkQueueOptions('boundedMergeMap', queueShape, options)
  return boundedWork({ start: project }, bounds)
}
