import { defer, type OperatorFunction, type Subscriber } from 'rxjs'
import { isWrite, operationOf } from '../atproto/event-fields.js'
import {
  currentDelivery,
  type DeliverySource,
  enter,
  type Holding,
  type LibraryCopy,
  leave,
  type Outcome,
  THIS_COPY,
} from '../delivery/delivery.js'
import type { EventPosition } from '../delivery/position.js'
import { observe, operate } from '../internal/observe.js'
import { boundedMergeMap } from './bounded-merge-map.js'
import { checkQueueOptions, type QueueOptions, queueShape } from './queue-options.js'
import { type Located, recordOf, uriOf } from './uris.js'

/** Keeps records by their at-uri. Each function may return a promise. */
export interface DeletedRecords {
  /** Returns what was put under `uri` last, or `undefined`. */
  get(uri: string): unknown
  put(uri: string, record: unknown): unknown
  delete(uri: string): unknown
}

/** How many events of {@link withDeleted} wait, and how many are looked up at once. */
export type WithDeletedOptions = Pick<QueueOptions<never>, 'capacity' | 'concurrency'>

const shape = { capacity: queueShape.capacity, concurrency: queueShape.concurrency }

/**
 * Tells of each delete what was deleted: such an event has the record as `deleted`, which the wire
 * does not send. Puts each written record into a store of yours first, and removes it when the
 * delete is done.
 *
 * `deleted` is `undefined` for a record that was written before the store was. Events of Jetstream,
 * the firehose and Tap are understood; all others pass.
 *
 * **Order**: kept for each DID. **Loss**: none. **Completion**: as {@link boundedMergeMap}.
 * **Errors**: what the store throws errors the result; the delivery counts as failed.
 * {@link ConfigError} at the call. **Unsubscription**: as {@link boundedMergeMap}. A delete that is
 * not done stays in the store, so that a restart tells the same again.
 *
 * @example
 * ```ts
 * const records = new Map<string, unknown>()
 * jetstream$({ collections: ['app.bsky.feed.like'] })
 *   .pipe(
 *     withDeleted({
 *       get: (uri) => records.get(uri),
 *       put: (uri, record) => records.set(uri, record),
 *       delete: (uri) => records.delete(uri),
 *     }),
 *   )
 *   .subscribe((event) => console.log(uriOf(event), event.deleted))
 * ```
 */
export function withDeleted<E extends Located>(
  store: DeletedRecords,
  options: WithDeletedOptions = {},
): OperatorFunction<E, E & { readonly deleted?: unknown }> {
  const bounds = checkQueueOptions('withDeleted', shape, options)
  return (source) =>
    defer(() => {
      const removals = new Removals(store)
      return source.pipe(
        boundedMergeMap((event) => lookUp(event, store, removals), {
          ...bounds,
          orderBy: ({ did }) => did,
        }),
        removed(removals),
      )
    })
}

async function lookUp<E extends Located>(
  event: E,
  store: DeletedRecords,
  removals: Removals,
): Promise<E & { readonly deleted?: unknown }> {
  const uri = uriOf(event)
  if (operationOf(event) === 'delete') return { ...event, deleted: await store.get(uri) }
  if (!isWrite(event)) return event
  await removals.cancel(uri)
  const record = recordOf(event)
  if (record !== undefined) await store.put(uri, record)
  return event
}

/** Removes from the store what was deleted, when the delivery of the delete has ended. */
const removed = <E extends Located>(removals: Removals): OperatorFunction<E, E> =>
  operate((source, destination) => {
    observe(
      source,
      destination,
      (event) => {
        if (operationOf(event) === 'delete') removals.emit(event, destination)
        else destination.next(event)
      },
      () => destination.complete(),
    )
  })

/** The records that are to be removed. */
class Removals {
  // The last one of each uri, and its promise while it runs.
  readonly #pending = new Map<string, { running?: Promise<unknown> }>()

  constructor(private readonly store: DeletedRecords) {}

  /** The record is written again: what waits must not remove it any more. */
  async cancel(uri: string): Promise<void> {
    const removal = this.#pending.get(uri)
    this.#pending.delete(uri)
    await removal?.running
  }

  emit<E extends Located>(event: E, destination: Subscriber<E>): void {
    const uri = uriOf(event)
    const removal: { running?: Promise<unknown> } = {}
    this.#pending.set(uri, removal)
    const remove = async (): Promise<void> => {
      if (this.#pending.get(uri) !== removal) return
      removal.running = Promise.resolve(this.store.delete(uri))
      await removal.running
      if (this.#pending.get(uri) === removal) this.#pending.delete(uri)
    }
    const delivery = new WatchedDelivery(currentDelivery(), remove, destination)
    const outer = enter(delivery)
    try {
      destination.next(event)
    } finally {
      leave(outer)
      delivery.release('done')
    }
  }
}

/** A delivery that does one thing more before it ends, unless it has failed. */
class WatchedDelivery implements Holding {
  // The call of `next` is the first hold.
  #holds = 1
  #outcome: Outcome = 'done'

  constructor(
    private readonly inner: Holding | undefined,
    private readonly atEnd: () => Promise<void>,
    private readonly destination: Subscriber<never>,
  ) {
    inner?.hold()
  }

  get copy(): LibraryCopy {
    return THIS_COPY
  }

  get place(): EventPosition | undefined {
    return this.inner?.place
  }

  hold(): void {
    this.#holds += 1
  }

  release(outcome: Outcome): void {
    if (outcome === 'failed' || this.#outcome === 'done') this.#outcome = outcome
    this.#holds -= 1
    if (this.#holds > 0) return
    if (this.#outcome === 'failed') this.inner?.release('failed')
    else void this.#end()
  }

  queued(change: 1 | -1): void {
    this.inner?.queued(change)
  }

  eachSource(visit: (source: DeliverySource) => void): void {
    this.inner?.eachSource(visit)
  }

  async #end(): Promise<void> {
    try {
      await this.atEnd()
      this.inner?.release(this.#outcome)
    } catch (error) {
      this.inner?.release('failed')
      this.destination.error(error)
    }
  }
}
