import {
  from,
  type ObservableInput,
  type OperatorFunction,
  type Subscriber,
  type Subscription,
  timer,
} from 'rxjs'
import { currentDelivery, enter, type Holding, leave, type Outcome } from '../delivery/delivery.js'
import { QueueOverflowError } from '../errors.js'
import { FifoQueue, KeyedQueue, type WorkQueue } from '../internal/keyed-queue.js'
import { observe, operate } from '../internal/observe.js'
import type { QueueBounds } from './queue-options.js'
import { Sources } from './sources.js'

/** The work on each value. */
export interface Work<T, R> {
  start(value: T, index: number): unknown
  /** The value to emit when the work is done. Without it, the results of the work are emitted. */
  result?(value: T): R
  /** Called once when the work fails. Without it, the failure errors the stream. */
  recover?(value: T, error: unknown): ObservableInput<R>
}

/** `recover` errors with this to give the value up. */
export const GIVEN_UP = Symbol('given up')

/** Whether a handler returned something to wait for. */
export const isWork = (answer: unknown): boolean => typeof answer === 'object' && answer !== null

/** The engine of the bounded operators: a bounded queue before bounded concurrent work. */
export const boundedWork = <T, R>(
  work: Work<T, R>,
  options: QueueBounds<T>,
): OperatorFunction<T, R> =>
  operate((source, destination) => {
    const bounded = new BoundedWork(work, options, destination)
    destination.add(() => bounded.abandon())
    observe(
      source,
      destination,
      (value) => bounded.take(value),
      () => bounded.sourceCompleted(),
    )
  })

/** One value's stay in the operator. */
interface Item<T> {
  readonly value: T
  readonly holding: Holding | undefined
  // Computed once: work may change the fields that `orderBy` reads.
  key: unknown
  // Its delivery is released. Work that is cancelled, or a strange thenable, may end once more.
  settled: boolean
  // Its work has failed, and `recover` was called.
  recovering: boolean
  // Calls `onSlow` while its work lasts.
  slowTimer: Subscription | undefined
}

export class BoundedWork<T, R> {
  readonly #capacity: number
  readonly #concurrency: number
  readonly #queue: WorkQueue<Item<T>>
  // Items whose work unsubscription cancels. A promise cannot be cancelled, and settles by itself.
  readonly #cancellable = new Set<Item<T>>()
  readonly #sources = new Sources()
  #running = 0
  #index = 0
  // Inside the loop that starts work. Work that ends at once must not start another one.
  #isStarting = false
  // The source has completed, and this completes when the last work has ended.
  #isCompleting = false
  // Nobody receives results any more.
  #isAbandoned = false
  // The one item that runs under `concurrency: 1`.
  #only: Item<T> | undefined

  constructor(
    private readonly work: Work<T, R>,
    private readonly options: QueueBounds<T>,
    private readonly destination: Subscriber<R>,
  ) {
    this.#capacity = options.capacity
    this.#concurrency = options.concurrency
    this.#queue =
      options.orderBy === undefined ? new FifoQueue() : new KeyedQueue((item) => item.key)
  }

  take(value: T): void {
    const holding = currentDelivery()
    if (holding !== undefined) {
      holding.hold()
      this.#sources.note(holding)
    }
    const item: Item<T> = {
      value,
      holding,
      key: undefined,
      settled: false,
      recovering: false,
      slowTimer: undefined,
    }
    try {
      this.#enqueue(item)
    } catch (error) {
      // A callback of the user threw: the value is not done.
      this.#settle(item, 'failed')
      throw error
    }
  }

  sourceCompleted(): void {
    this.#isCompleting = true
    this.#completeIfIdle()
  }

  /** After unsubscription, an error or completion: waiting and cancelled values are not done. */
  abandon(): void {
    this.#isAbandoned = true
    for (let item = this.#queue.dropOldest(); item !== undefined; item = this.#queue.dropOldest()) {
      item.holding?.queued(-1)
      this.#settle(item, 'failed')
    }
    for (const item of this.#cancellable) this.#settle(item, 'failed')
    this.#sources.resume()
  }

  // --- Bounds ---

  #enqueue(item: Item<T>): void {
    item.key = this.options.orderBy?.(item.value)
    if (!this.#makeRoom(item)) return
    this.#queue.push(item)
    item.holding?.queued(1)
    this.#startNext()
    this.#boundLag()
  }

  /** Returns false for an item that may not wait, and is settled. */
  #makeRoom(item: Item<T>): boolean {
    // The source was resumed at the end, and may emit more.
    if (this.#isAbandoned) return this.#refuse(item)
    const { overflow } = this.options
    if (overflow === 'pause' || this.#queue.size < this.#capacity) return true
    switch (overflow) {
      case 'drop-oldest':
        this.#dropOldest()
        return true
      case 'drop-newest':
        this.#drop(item)
        return false
      case 'error':
        this.#refuse(item)
        this.destination.error(
          new QueueOverflowError(`${this.#capacity} values wait already (\`capacity\`)`),
        )
        return false
    }
  }

  #refuse(item: Item<T>): false {
    this.#settle(item, 'failed')
    return false
  }

  #boundLag(): void {
    const { overflow, maxLag } = this.options
    if (overflow !== 'pause' || this.#queue.size < this.#capacity || this.#isAbandoned) return
    this.#sources.pause()
    if (this.#queue.size > maxLag) this.#dropOldest()
  }

  #dropOldest(): void {
    const item = this.#queue.dropOldest()
    if (item === undefined) return
    item.holding?.queued(-1)
    this.#drop(item)
  }

  #drop(item: Item<T>): void {
    this.#settle(item, 'dropped')
    this.options.onDrop?.(item.value)
  }

  // --- Work ---

  /** A loop, not a recursion: 50,000 values of synchronous work must not need as many frames. */
  #startNext(): void {
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#running < this.#concurrency && !this.#isAbandoned) {
      const item = this.#queue.next()
      if (item === undefined) break
      item.holding?.queued(-1)
      this.#run(item)
    }
    this.#isStarting = false
    if (this.#queue.size <= this.#capacity / 2) this.#sources.resume()
    this.#completeIfIdle()
  }

  #run(item: Item<T>): void {
    this.#running += 1
    item.slowTimer = this.#slowTimer(item.value)
    const outer = enter(item.holding)
    try {
      const work = this.work.start(item.value, this.#index++)
      if (isThenable(work)) this.#await(work, item)
      else if (this.work.result !== undefined && !isWork(work)) this.#end(item, undefined)
      else this.#follow(work, item)
    } catch (error) {
      this.#fail(item, error)
    } finally {
      leave(outer)
    }
  }

  /** Like `from(promise)` at a third of its cost. Most users write work with promises. */
  #await(work: PromiseLike<unknown>, item: Item<T>): void {
    // Another `then`, of a thenable or of a subclass of Promise, may call back twice. The second
    // call would end the next item.
    if (this.#concurrency === 1 && work.then === Promise.prototype.then) {
      this.#awaitOnly(work, item)
      return
    }
    const isOver = () => item.settled || item.recovering
    work.then(
      (result) => isOver() || this.#end(item, result),
      (error: unknown) => isOver() || this.#fail(item, error),
    )
  }

  /** Makes no function for the event: one pair serves all items that run one after the other. */
  #awaitOnly(work: PromiseLike<unknown>, item: Item<T>): void {
    this.#only = item
    work.then(this.#onlyEnded, this.#onlyFailed)
  }

  readonly #onlyEnded = (result: unknown): void => {
    const item = this.#takeOnly()
    if (item !== undefined) this.#end(item, result)
  }

  readonly #onlyFailed = (error: unknown): void => {
    const item = this.#takeOnly()
    if (item !== undefined) this.#fail(item, error)
  }

  #takeOnly(): Item<T> | undefined {
    const item = this.#only
    this.#only = undefined
    return item
  }

  #end(item: Item<T>, result: unknown): void {
    this.#cancellable.delete(item)
    // A promise that ended after the unsubscription: no operator after this one saw its value.
    if (this.#isAbandoned && this.work.result === undefined && result !== undefined)
      this.#settle(item, 'failed')
    else
      this.#emit(
        item,
        this.work.result === undefined ? (result as R) : this.work.result(item.value),
      )
    this.#finish(item)
  }

  #follow(work: unknown, item: Item<T>): void {
    const { result } = this.work
    this.#cancellable.add(item)
    observe(
      from(work as ObservableInput<R>),
      this.destination,
      result === undefined ? (value) => this.#emit(item, value) : () => {},
      result === undefined ? () => this.#finish(item) : () => this.#end(item, undefined),
      (error) => this.#fail(item, error),
    )
  }

  /** Emits inside the delivery of the value, so that later operators can hold it. */
  #emit(item: Item<T>, result: R): void {
    const outer = enter(item.holding)
    try {
      this.destination.next(result)
    } finally {
      leave(outer)
    }
  }

  #finish(item: Item<T>): void {
    item.slowTimer?.unsubscribe()
    this.#settle(item, 'done')
    this.#running -= 1
    this.#queue.finished(item)
    if (!this.#isAbandoned) this.#startNext()
  }

  #fail(item: Item<T>, error: unknown): void {
    if (this.work.recover !== undefined && !item.recovering && !this.#isAbandoned) {
      this.#recover(this.work.recover, item, error)
      return
    }
    if (error === GIVEN_UP) {
      this.#giveUp(item)
      return
    }
    item.slowTimer?.unsubscribe()
    this.#settle(item, 'failed')
    this.destination.error(error)
  }

  #giveUp(item: Item<T>): void {
    try {
      this.#drop(item)
    } catch (error) {
      this.destination.error(error)
    }
    this.#finish(item)
  }

  #recover(recover: NonNullable<Work<T, R>['recover']>, item: Item<T>, error: unknown): void {
    item.recovering = true
    const outer = enter(item.holding)
    try {
      this.#follow(recover(item.value, error), item)
    } finally {
      leave(outer)
    }
  }

  #settle(item: Item<T>, outcome: Outcome): void {
    if (item.settled) return
    item.settled = true
    this.#cancellable.delete(item)
    item.holding?.release(outcome)
  }

  #slowTimer(value: T): Subscription | undefined {
    const { slowAfterMs, onSlow } = this.options
    if (slowAfterMs === undefined || onSlow === undefined) return undefined
    return observe(
      timer(slowAfterMs, slowAfterMs),
      this.destination,
      (times) => onSlow(value, (times + 1) * slowAfterMs),
      () => {},
    )
  }

  // --- The end ---

  #completeIfIdle(): void {
    if (!this.#isCompleting || this.destination.closed) return
    if (this.#running > 0 || this.#queue.size > 0) return
    this.#isCompleting = false
    this.#sources.complete(this.destination)
  }
}

const isThenable = (work: unknown): work is PromiseLike<unknown> =>
  typeof (work as Partial<PromiseLike<unknown>> | undefined)?.then === 'function'
