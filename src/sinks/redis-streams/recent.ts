/** Keeps the last `capacity` values. */
export class Recent<T> {
  readonly #values: T[] = []
  // The index of the oldest value, once the capacity is reached.
  #oldest = 0
  /** Whether any value was dropped. */
  forgot = false

  constructor(private readonly capacity: number) {}

  push(value: T): void {
    if (this.#values.length < this.capacity) {
      this.#values.push(value)
      return
    }
    this.forgot = true
    if (this.capacity === 0) return
    this.#values[this.#oldest] = value
    this.#oldest = (this.#oldest + 1) % this.capacity
  }

  /** All values, oldest first. */
  get all(): readonly T[] {
    return [...this.#values.slice(this.#oldest), ...this.#values.slice(0, this.#oldest)]
  }

  clear(): void {
    this.#values.length = 0
    this.#oldest = 0
  }
}
