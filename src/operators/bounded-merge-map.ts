import type { ObservableInput, OperatorFunction } from 'rxjs'
import { boundedWork } from './bounded-work.js'
import { checkQueueOptions, type QueueOptions, queueShape } from './queue-options.js'

/** How {@link boundedMergeMap} bounds what waits and what runs. */
export type BoundedMergeMapOptions<T> = QueueOptions<T>

/**
 * Works on each value, with a bound on how many run and how many wait. Like RxJS's `mergeMap`, but
 * it pauses its source, or drops and says so, where `mergeMap` queues for ever; and each event's
 * delivery stays open until its work has ended.
 *
 * **Order**: work starts in order of arrival, for each key with `orderBy`; results come as they
 * come. **Loss**: none under `overflow: 'pause'` (the default); what another policy drops is
 * counted and reported. **Completion**: when the source has completed, all work has ended, and the
 * checkpoint of it is saved. **Errors**: work that fails errors the result; its delivery counts as
 * failed. {@link ConfigError} at the call. **Unsubscription**: gives up what waits: those
 * deliveries count as failed, and a restart brings them again.
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
