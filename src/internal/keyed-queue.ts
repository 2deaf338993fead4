import { Chain, type Link } from './chain.js'
import { Ring } from './ring.js'

/**
 * Values that wait for a turn. A value whose key is busy waits for it, and those behind it do not.
 */
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

/** Where a value waits. */
interface Place<T> {
  readonly item: T
  waiting: Link<Place<T>> | undefined
  ready: Link<Place<T>> | undefined
}

// Most keys never have two values at once: they share one queue that stays empty.
const NOBODY = new Ring<never>()

/** One value of a key at a time, in order of arrival for each key. */
export class KeyedQueue<T> implements WorkQueue<T> {
  readonly #waiting = new Chain<Place<T>>()
  readonly #ready = new Chain<Place<T>>()
  // Who waits behind the value of its key that is ready or runs.
  readonly #behind = new Map<unknown, Ring<Place<T>>>()

  /** `keyOf` answers the same for the same item, whenever it is asked. */
  constructor(private readonly keyOf: (item: T) => unknown) {}

  get size(): number {
    return this.#waiting.size
  }

  push(item: T): void {
    const key = this.keyOf(item)
    const behind = this.#behind.get(key)
    const place: Place<T> = { item, waiting: undefined, ready: undefined }
    place.waiting = this.#waiting.push(place)
    if (behind === undefined) {
      this.#behind.set(key, NOBODY)
      place.ready = this.#ready.push(place)
    } else this.#queueOf(key, behind).push(place)
  }

  next(): T | undefined {
    const place = this.#ready.first?.value
    if (place === undefined) return undefined
    this.#leave(place)
    return place.item
  }

  finished(item: T): void {
    const key = this.keyOf(item)
    const following = this.#behind.get(key)?.shift()
    if (following === undefined) this.#behind.delete(key)
    else following.ready = this.#ready.push(following)
  }

  dropOldest(): T | undefined {
    const place = this.#waiting.first?.value
    if (place === undefined) return undefined
    // The oldest of all is the oldest of its key: it is ready, or the first behind the one that
    // runs.
    const wasReady = place.ready !== undefined
    this.#leave(place)
    if (wasReady) this.finished(place.item)
    else this.#behind.get(this.keyOf(place.item))?.shift()
    return place.item
  }

  #queueOf(key: unknown, behind: Ring<Place<T>>): Ring<Place<T>> {
    if (behind !== NOBODY) return behind
    const queue = new Ring<Place<T>>()
    this.#behind.set(key, queue)
    return queue
  }

  #leave(place: Place<T>): void {
    if (place.ready !== undefined) this.#ready.remove(place.ready)
    if (place.waiting !== undefined) this.#waiting.remove(place.waiting)
    place.ready = undefined
    place.waiting = undefined
  }
}
