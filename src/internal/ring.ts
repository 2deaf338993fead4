/**
 * A first-in-first-out queue that grows. `push` and `shift` cost the same at any length, unlike an
 * array's `shift`.
 */
export class Ring<T> {
  #items: (T | undefined)[] = new Array(16)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow()
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = item
    this.#size += 1
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#items.length - 1)
    this.#size -= 1
    return item
  }

  #grow(): void {
    const items = new Array<T | undefined>(this.#items.length * 2)
    for (let i = 0; i < this.#size; i += 1)
      items[i] = this.#items[(this.#head + i) & (this.#items.length - 1)]
    this.#items = items
    this.#head = 0
  }
}
