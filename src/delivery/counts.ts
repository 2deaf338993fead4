/**
 * What a stream counts by itself; the ledger and the progress have numbers of their own. Mutated
 * for each frame, read when metrics are told.
 */
export class StreamCounts {
  frames = 0
  control = 0
  rejected = 0
  events = 0
  duplicates = 0
  filtered = 0
  reconnects = 0
  /** Without those of the connection that is open. */
  bytes = 0
  // Numbers from the beginning, and never undefined: V8 writes over such a field, and makes an
  // object for each value of the other kind.
  #lastEventAt = -1
  #lastTimeUs = 0

  /** An event came: `at` in unix milliseconds, its own time in microseconds, or 0. */
  eventAt(at: number, time_us: number): void {
    this.#lastEventAt = at
    this.#lastTimeUs = time_us
  }

  /** In unix milliseconds. */
  get lastEventAt(): number | undefined {
    return this.#lastEventAt < 0 ? undefined : this.#lastEventAt
  }

  get lagMs(): number | undefined {
    return this.#lastTimeUs === 0
      ? undefined
      : Math.max(0, this.#lastEventAt - this.#lastTimeUs / 1000)
  }
}
