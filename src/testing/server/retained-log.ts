/** What every row of a log has. */
export interface LogRowBase {
  /** Unix microseconds, for retention by time. */
  readonly timeUs: number
}

/** How much a log keeps. */
export interface Retention {
  readonly retainEvents: number
  readonly retainMs: number
}

const TRIMMED_ROWS = 65_536

/**
 * Rows in order; retention removes the oldest. Positions are counted from the server's start and
 * stay valid when old rows go.
 */
export class RetainedLog<R extends LogRowBase> {
  #rows: R[] = []
  /** The position of the first row. */
  #base = 0
  #oldest = 0

  constructor(private readonly retention: Retention) {}

  /** The position after the newest row. */
  get end(): number {
    return this.#base + this.#rows.length
  }

  get newest(): R | undefined {
    return this.#rows.at(-1)
  }

  /** The position of the oldest row that retention keeps. */
  get oldest(): number {
    return this.#oldest
  }

  at(position: number): R | undefined {
    return this.#rows[position - this.#base]
  }

  /** The position of the first kept row that passes `test`, or `undefined`. */
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

  /** Removes the newest rows and returns them. */
  protected removeNewest(count: number): R[] {
    const lost = this.#rows.splice(Math.max(0, this.#rows.length - count))
    this.#oldest = Math.min(this.#oldest, this.end)
    return lost
  }

  /** Replaces each row that is kept. */
  protected replaceKept(change: (row: R) => R): void {
    const kept = this.#rows.splice(this.#oldest - this.#base)
    for (const row of kept) this.#rows.push(change(row))
  }

  /** Called for each row that retention removes. */
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
    // In large steps: shifting rows one by one costs more than all the rest.
    if (this.#oldest - this.#base < TRIMMED_ROWS) return
    this.#rows = this.#rows.slice(this.#oldest - this.#base)
    this.#base = this.#oldest
  }
}
