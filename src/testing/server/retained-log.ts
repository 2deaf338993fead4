/** What a log asks of its rows. */
export interface LogRowBase {
  /** Microseconds: what retention by time looks at. */
  readonly timeUs: number
}

/** How much a log keeps. */
export interface Retention {
  readonly retainEvents: number
  readonly retainMs: number
}

const TRIMMED_ROWS = 65_536

/**
 * Rows in order, of which the oldest go. Places are counted from the server's start and stay valid
 * when old rows go.
 */
export class RetainedLog<R extends LogRowBase> {
  #rows: R[] = []
  /** The place of the first row. */
  #base = 0
  #oldest = 0

  constructor(private readonly retention: Retention) {}

  /** The place after the newest row. */
  get end(): number {
    return this.#base + this.#rows.length
  }

  get newest(): R | undefined {
    return this.#rows.at(-1)
  }

  /** The place of the oldest row that retention keeps. */
  get oldest(): number {
    return this.#oldest
  }

  at(position: number): R | undefined {
    return this.#rows[position - this.#base]
  }

  /** The place of the first kept row that `test` takes, or `undefined`. */
  find(test: (row: R) => boolean): number | undefined {
    for (let position = this.oldest; position < this.end; position++) {
      const row = this.at(position)
      if (row && test(row)) return position
    }
    return undefined
  }

  protected append(row: R): void {
    this.#rows.push(row)
    this.#expire()
  }

  /** Takes the newest rows away. */
  protected removeNewest(count: number): R[] {
    const lost = this.#rows.splice(Math.max(0, this.#rows.length - count))
    this.#oldest = Math.min(this.#oldest, this.end)
    return lost
  }

  /** Puts another row in the place of each that is kept. */
  protected replaceKept(change: (row: R) => R): void {
    const kept = this.#rows.splice(this.#oldest - this.#base)
    for (const row of kept) this.#rows.push(change(row))
  }

  /** Retention has let go of it. */
  protected expired(_row: R): void {}

  #forget(): void {
    const row = this.at(this.#oldest++)
    if (row) this.expired(row)
  }

  #expire(): void {
    const { retainEvents, retainMs } = this.retention
    const since = (this.newest?.timeUs ?? 0) - retainMs * 1000
    while (
      this.end - this.#oldest > retainEvents ||
      (this.at(this.#oldest)?.timeUs ?? since) < since
    )
      this.#forget()
    // In large steps: shifting rows one by one would cost more than all the rest.
    if (this.#oldest - this.#base < TRIMMED_ROWS) return
    this.#rows = this.#rows.slice(this.#oldest - this.#base)
    this.#base = this.#oldest
  }
}
