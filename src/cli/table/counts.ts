/** The seconds of a sparkline. */
export const HISTORY = 60
// One more for the second that is not over.
const SLOTS = HISTORY + 1
const RATE_SECONDS = 3
// A server may send any number of made-up collections.
const MAX_NAMES = 1000
const OTHERS = '(others)'

/** What a table shows of one name. */
export interface TableRow {
  readonly name: string
  readonly count: number
  /** Over the last seconds. */
  readonly perSecond: number
  /** Events in each of the last {@link HISTORY} whole seconds, the oldest first. */
  readonly history: readonly number[]
}

interface Counted {
  count: number
  /** Events of each second, at the second modulo {@link SLOTS}. */
  readonly seconds: Uint32Array
}

/** Counts events by name, and by the second. */
export class TableCounts<E> {
  readonly #counted = new Map<string, Counted>()
  #second = 0

  constructor(private readonly nameOf: (event: E) => string) {}

  add(event: E): void {
    const name = this.nameOf(event)
    const counted = this.#counted.get(name) ?? this.#added(name)
    counted.count += 1
    const slot = this.#second % SLOTS
    counted.seconds[slot] = (counted.seconds[slot] ?? 0) + 1
  }

  /** Events that come from now on belong to this time since the start. */
  moveTo(elapsedMs: number): void {
    const second = Math.floor(elapsedMs / 1000)
    for (let at = Math.max(this.#second, second - SLOTS) + 1; at <= second; at++)
      for (const { seconds } of this.#counted.values()) seconds[at % SLOTS] = 0
    this.#second = Math.max(this.#second, second)
  }

  get rows(): readonly TableRow[] {
    return [...this.#counted].map(([name, { count, seconds }]) => {
      const history = Array.from({ length: HISTORY }, (_, index) => {
        const second = this.#second - HISTORY + index
        return second < 0 ? 0 : (seconds[second % SLOTS] ?? 0)
      })
      return { name, count, history, perSecond: this.#rateOf(count, history) }
    })
  }

  #rateOf(count: number, history: readonly number[]): number {
    const size = Math.min(RATE_SECONDS, this.#second)
    if (size === 0) return count
    return history.slice(-size).reduce((sum, events) => sum + events, 0) / size
  }

  #added(name: string): Counted {
    const key = this.#counted.size < MAX_NAMES ? name : OTHERS
    const counted = this.#counted.get(key) ?? { count: 0, seconds: new Uint32Array(SLOTS) }
    this.#counted.set(key, counted)
    return counted
  }
}
