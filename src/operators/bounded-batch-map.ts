import {
  type ObservableInput,
  type OperatorFunction,
  type Subscriber,
  type Subscription,
  timer,
} from 'rxjs'
import { currentDelivery, enter, type Holding, holdingOf, leave } from '../delivery/delivery.js'
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
 * `capacity` counts values, in whole batches; a drop gives up a batch. Everything else is as in
 * {@link boundedMergeMap}.
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
  project: (values: readonly T[], index: number) => ObservableInput<R>,
  options: BoundedBatchMapOptions<T> = {},
): OperatorFunction<T, R> {
  const checked = checkQueueOptions('boundedBatchMap', shape, options)
  const { size, maxWaitMs, capacity, ...queue } = checked
  return (source) =>
    source.pipe(
      batch(size, maxWaitMs),
      boundedMergeMap(project, { ...queue, capacity: Math.max(1, Math.ceil(capacity / size)) }),
    )
}

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
  #abandoned = false

  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
    private readonly destination: Subscriber<readonly T[]>,
  ) {}

  take(value: T): void {
    const holding = currentDelivery()
    if (holding !== undefined) {
      holding.hold()
      this.#holdings.push(holding)
    }
    if (this.#abandoned) {
      this.abandon()
      return
    }
    this.#values.push(value)
    if (this.#values.length >= this.size) this.#emit()
    else this.#due ??= this.#emitLater()
  }

  sourceCompleted(): void {
    if (this.#values.length > 0) this.#emit()
    this.destination.complete()
  }

  abandon(): void {
    this.#abandoned = true
    for (const holding of this.#holdings.splice(0)) holding.release('failed')
  }

  #emitLater(): Subscription {
    const due = timer(this.maxWaitMs).subscribe(() => this.#emit())
    this.destination.add(due)
    due.add(() => this.destination.remove(due))
    return due
  }

  #emit(): void {
    this.#due?.unsubscribe()
    this.#due = undefined
    const [values, holding] = [this.#values, holdingOf(this.#holdings)]
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
