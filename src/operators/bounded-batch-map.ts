import {
  asapScheduler,
  asyncScheduler,
  type ObservableInput,
  type OperatorFunction,
  type Subscriber,
  type Subscription,
  timer,
} from 'rxjs'
import {
  BatchDelivery,
  currentDelivery,
  enter,
  type HeldDelivery,
  type Holding,
  leave,
} from '../delivery/delivery.js'
import { observe, operate } from '../internal/observe.js'
import { count, defaultsTo, milliseconds } from '../options/pieces.js'
import { boundedMergeMap } from './bounded-merge-map.js'
import { checkQueueOptions, type QueueOptions, queueShape } from './queue-options.js'

/** How {@link boundedBatchMap} makes batches, and how many values may wait. */
export interface BoundedBatchMapOptions<T>
  extends Omit<QueueOptions<readonly T[]>, 'orderBy' | 'maxLag'> {
  /**
   * How many values make a batch.
   * @default 100
   */
  readonly size?: number | undefined
  /**
   * How long the first value of a batch waits for the others, in milliseconds.
   * @default 1000
   */
  readonly maxWaitMs?: number | undefined
}

/** What {@link boundedBatchMap} tells of a batch. */
export interface BatchContext {
  /** Counts the batches, from 0. */
  readonly index: number
  /**
   * The position to store with the rows of this batch, in one transaction: the text begins after
   * the last event of the batch. Read it when the work begins.
   *
   * `undefined` while an earlier event is open elsewhere or has failed, where the batch has events
   * of several sources, without `external: true`, and for sources without positions of this kind:
   * Tap, Redis, `listRepos$`.
   */
  readonly position: string | undefined
}

const { orderBy: _orderBy, maxLag: _maxLag, ...boundsShape } = queueShape
const shape = {
  ...boundsShape,
  size: defaultsTo(count, 100),
  maxWaitMs: defaultsTo(milliseconds, 1000),
}

/**
 * Works on values in batches, by count or time. Like `bufferTime` with `mergeMap`, but bounded:
 * each event's delivery stays open until the work of its batch has ended.
 *
 * `capacity` counts values, in whole batches; a drop gives up a batch. Of a source with an
 * `external` checkpoint, the operations of one commit stay in one batch, which may exceed `size` by
 * them. Everything else is as in {@link boundedMergeMap}.
 *
 * **Effect once**: with `checkpoint: { store, external: true }`, store the `position` of
 * {@link BatchContext} in the transaction of the rows. After a crash, the stream goes on after the
 * last batch that was committed, and no event has its effect twice. Needs `concurrency: 1` (the
 * default), and all events of the source in this one pipe.
 *
 * ```
 * source    -a-b-c-d----|
 * result    ---x---y----|    (size: 2)
 * result    ----x---y---|    (maxWaitMs: 3)
 * ```
 *
 * @example
 * ```ts
 * jetstream$(config).pipe(
 *   boundedBatchMap((events) => table.insert(events), { size: 500, maxWaitMs: 200 }),
 * )
 * ```
 */
export function boundedBatchMap<T, R>(
  project: (values: readonly T[], batch: BatchContext) => ObservableInput<R>,
  options: BoundedBatchMapOptions<T> = {},
): OperatorFunction<T, R> {
  const checked = checkQueueOptions('boundedBatchMap', shape, options)
  const { size, maxWaitMs, capacity, ...queue } = checked
  return (source) =>
    source.pipe(
      batch(size, maxWaitMs),
      boundedMergeMap((values, index) => project(values, contextOf(index, currentDelivery())), {
        ...queue,
        capacity: Math.max(1, Math.ceil(capacity / size)),
      }),
    )
}

const contextOf = (index: number, delivery: Holding | undefined): BatchContext => ({
  index,
  get position() {
    return delivery instanceof BatchDelivery ? delivery.position : undefined
  },
})

/** Collects values into batches. The deliveries of a batch become one. */
const batch = <T>(size: number, maxWaitMs: number): OperatorFunction<T, readonly T[]> =>
  operate((source, destination) => {
    const batches = new Batches<T>(size, maxWaitMs, destination)
    destination.add(() => batches.abandon())
    observe(
      source,
      destination,
      (value) => batches.take(value),
      () => batches.sourceCompleted(),
    )
  })

class Batches<T> {
  #values: T[] = []
  #holdings: Holding[] = []
  #due: Subscription | undefined
  // The delivery of the last value: its other parts belong to the same batch.
  #last: HeldDelivery | undefined
  #isFull = false
  #abandoned = false

  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
    private readonly destination: Subscriber<readonly T[]>,
  ) {}

  take(value: T): void {
    const holding = currentDelivery()
    if (this.#isFull && holding?.delivery !== this.#last) this.#emit()
    if (holding !== undefined) {
      holding.hold()
      this.#holdings.push(holding)
    }
    if (this.#abandoned) {
      this.abandon()
      return
    }
    this.#last = holding?.delivery
    this.#values.push(value)
    if (this.#values.length < this.size) this.#due ??= this.#emitAfter(this.maxWaitMs)
    else this.#fill()
  }

  sourceCompleted(): void {
    if (this.#values.length > 0) this.#emit()
    this.destination.complete()
  }

  abandon(): void {
    this.#abandoned = true
    for (const holding of this.#holdings.splice(0)) holding.release('failed')
  }

  /**
   * Where positions are told, the batch waits for the end of this call: more parts of a message may
   * follow, and the operators above hold its last value until then.
   */
  #fill(): void {
    if (!this.#last?.source.tellsPositions) this.#emit()
    else if (!this.#isFull) {
      this.#isFull = true
      this.#due?.unsubscribe()
      this.#due = this.#emitAfter(0)
    }
  }

  /** 0: as soon as this call has ended. */
  #emitAfter(ms: number): Subscription {
    const due = timer(ms, ms === 0 ? asapScheduler : asyncScheduler).subscribe(() => this.#emit())
    this.destination.add(due)
    due.add(() => this.destination.remove(due))
    return due
  }

  #emit(): void {
    this.#due?.unsubscribe()
    this.#due = undefined
    this.#last = undefined
    this.#isFull = false
    const [values, holding] = [this.#values, new BatchDelivery(this.#holdings)]
    this.#values = []
    this.#holdings = []
    const outer = enter(holding)
    try {
      this.destination.next(values)
    } finally {
      leave(outer)
      holding.release('done')
    }
  }
}
