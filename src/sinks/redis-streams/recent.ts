/** The last so many values. */
export class Recent<T> {
  readonly #values: T[] = []
  // Where the oldest is, once there are as many as there may be.
  #oldest = 0
  /** Whether any was forgotten. */
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

  /** All of them, oldest first. */
  get all(): readonly T[] {
    return [...this.#values.slice(this.#oldest), ...this.#values.slice(0, this.#oldest)]
  }

  clear(): void {
    this.#values.length = 0
    this.#oldest = 0
  }
}
