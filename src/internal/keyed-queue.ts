import { Chain, type Link } from './chain.js'
import { Ring } from './ring.js'

/**
 * A queue of work. An item whose key is busy waits until the key is free; items of other keys
 * overtake it.
 */
export interface WorkQueue<T> {
  readonly size: number
  push(item: T): void
  /**
   * Removes and returns the oldest item that may run now. Its key is busy until {@link finished}.
   */
  next(): T | undefined
  finished(item: T): void
  /** Removes and returns the oldest item, whether it may run or not. */
  dropOldest(): T | undefined
}

/** First in, first out, without keys: all items may run at the same time. */
export class FifoQueue<T> implements WorkQueue<T> {
  readonly #items = new Ring<T>()

  get size(): number {
    return this.#items.size
  }

  push(item: T): void {
    this.#items.push(item)
  }

  next(): T | undefined {
    return this.#items.shift()
  }

  finished(): void {}

  dropOldest(): T | undefined {
    return this.#items.shift()
  }
}

/** An item, and its nodes in the lists that hold it. */
interface QueueEntry<T> {
  readonly item: T
  waiting: Link<QueueEntry<T>> | undefined
  ready: Link<QueueEntry<T>> | undefined
}

// Most keys never have two items at once. They share this queue, which stays empty.
const EMPTY_QUEUE = new Ring<never>()

/** Runs one item of a key at a time, in order of arrival for each key. */
export class KeyedQueue<T> implements WorkQueue<T> {
  readonly #waiting = new Chain<QueueEntry<T>>()
  readonly #ready = new Chain<QueueEntry<T>>()
  // For each busy key, the items that wait for the one that is ready or runs.
  readonly #following = new Map<unknown, Ring<QueueEntry<T>>>()

  /** `keyOf` must return the same key each time it is called with the same item. */
  constructor(private readonly keyOf: (item: T) => unknown) {}

  get size(): number {
    return this.#waiting.size
  }

  push(item: T): void {
    const key = this.keyOf(item)
    const queue = this.#following.get(key)
    const entry: QueueEntry<T> = { item, waiting: undefined, ready: undefined }
    entry.waiting = this.#waiting.push(entry)
    if (queue === undefined) {
      this.#following.set(key, EMPTY_QUEUE)
      entry.ready = this.#ready.push(entry)
    } else this.#ownQueue(key, queue).push(entry)
  }

  next(): T | undefined {
    const entry = this.#ready.first?.value
    if (entry === undefined) return undefined
    this.#remove(entry)
    return entry.item
  }

  finished(item: T): void {
    const key = this.keyOf(item)
    const next = this.#following.get(key)?.shift()
    if (next === undefined) this.#following.delete(key)
    else next.ready = this.#ready.push(next)
  }

  dropOldest(): T | undefined {
    const entry = this.#waiting.first?.value
    if (entry === undefined) return undefined
    // The oldest item is also the oldest of its key: it is ready, or the first that waits for the
    // running one.
    const wasReady = entry.ready !== undefined
    this.#remove(entry)
    if (wasReady) this.finished(entry.item)
    else this.#following.get(this.keyOf(entry.item))?.shift()
    return entry.item
  }

  #ownQueue(key: unknown, queue: Ring<QueueEntry<T>>): Ring<QueueEntry<T>> {
    if (queue !== EMPTY_QUEUE) return queue
    const own = new Ring<QueueEntry<T>>()
    this.#following.set(key, own)
    return own
  }

  #remove(entry: QueueEntry<T>): void {
    if (entry.ready !== undefined) this.#ready.remove(entry.ready)
    if (entry.waiting !== undefined) this.#waiting.remove(entry.waiting)
    entry.ready = undefined
    entry.waiting = undefined
  }
}
