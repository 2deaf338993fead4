import { Ring } from './ring.js'

/** Values that wait for a turn. A value whose key is busy waits for it, and those behind it do not. */
export interface WorkQueue<T> {
  readonly size: number
  push(item: T): void
  /** The oldest value that may run now. Its key is busy until {@link finished}. */
  next(): T | undefined
  finished(item: T): void
  /** Takes out the oldest value of all. */
  dropOldest(): T | undefined
}

/** In order of arrival, and every value may run beside any other. */
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

/** One value of a key at a time, in order of arrival for each key. */
export class KeyedQueue<T> implements WorkQueue<T> {
  // Sets keep the order of insertion, and give up any member at the cost of one.
  readonly #waiting = new Set<T>()
  readonly #ready = new Set<T>()
  // Who waits behind the value of its key that is ready or runs.
  readonly #behind = new Map<unknown, Ring<T>>()

  constructor(private readonly keyOf: (item: T) => unknown) {}

  get size(): number {
    return this.#waiting.size
  }

  push(item: T): void {
    const key = this.keyOf(item)
    const behind = this.#behind.get(key)
    this.#waiting.add(item)
    if (behind === undefined) {
      this.#behind.set(key, new Ring())
      this.#ready.add(item)
    } else behind.push(item)
  }

  next(): T | undefined {
    const item = first(this.#ready)
    if (item === undefined) return undefined
    this.#ready.delete(item)
    this.#waiting.delete(item)
    return item
  }

  finished(item: T): void {
    const key = this.keyOf(item)
    const following = this.#behind.get(key)?.shift()
    if (following === undefined) this.#behind.delete(key)
    else this.#ready.add(following)
  }

  dropOldest(): T | undefined {
    const item = first(this.#waiting)
    if (item === undefined) return undefined
    this.#waiting.delete(item)
    // The oldest of all is the oldest of its key: it is ready, or the first behind the one that runs.
    if (this.#ready.delete(item)) this.finished(item)
    else this.#behind.get(this.keyOf(item))?.shift()
    return item
  }
}

function first<T>(items: ReadonlySet<T>): T | undefined {
  for (const item of items) return item
  return undefined
}
