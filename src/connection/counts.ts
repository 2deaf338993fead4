/** What a stream counts by itself; the ledger and the progress have numbers of their own. Mutated for each frame, read when metrics are told. */
export class Counts {
  frames = 0
  control = 0
  rejected = 0
  events = 0
  duplicates = 0
  filtered = 0
  reconnects = 0
  /** Without those of the connection that is open. */
  bytes = 0
  /** In unix milliseconds. */
  lastEventAt: number | undefined
  #lastTimeUs = 0

  /** An event came: `at` in unix milliseconds, its own time in microseconds, or 0. */
  eventAt(at: number, time_us: number): void {
    this.lastEventAt = at
    this.#lastTimeUs = time_us
  }

  get lagMs(): number | undefined {
    if (this.lastEventAt === undefined || this.#lastTimeUs === 0) return undefined
    return Math.max(0, this.lastEventAt - this.#lastTimeUs / 1000)
  }
}
