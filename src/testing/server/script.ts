/** A log that a script is played into. */
export interface ScriptedLog<Item, Entry extends { readonly seq: number }> {
  readonly firstSeq: number
  /** Serialises ahead of time, for a position that `push` may correct. */
  encode(item: Item, seq: number): Entry
  push(row: Entry): void
}

/**
 * Items one after another, or a function that makes the n-th (from 0) until it returns `undefined`.
 */
export type ItemSource<Item> = Iterable<Item> | ((index: number) => Item | undefined)

/** The items that are not in the log yet. */
export class PlayScript<Item, Entry extends { readonly seq: number }> {
  readonly #entries: Iterator<Entry>
  readonly #log: ScriptedLog<Item, Entry>
  #done = false

  /** `ahead`: serialises all now, so that playing costs only writes. */
  constructor(
    source: ItemSource<Item>,
    log: ScriptedLog<Item, Entry>,
    when: 'ahead' | 'on demand',
  ) {
    this.#log = log
    const entries = encoded(source, log)
    this.#entries = when === 'ahead' ? [...entries].values() : entries
  }

  /** Whether all items are in the log. */
  get done(): boolean {
    return this.#done
  }

  /** Moves up to `count` items to the log. Returns how many there were. */
  take(count: number): number {
    for (let taken = 0; taken < count; taken++) {
      const next = this.#done ? undefined : this.#entries.next()
      if (next === undefined || next.done) {
        this.#done = true
        return taken
      }
      this.#log.push(next.value)
    }
    return count
  }
}

function* encoded<Item, Entry extends { readonly seq: number }>(
  source: ItemSource<Item>,
  log: ScriptedLog<Item, Entry>,
): Generator<Entry, void, undefined> {
  let seq = log.firstSeq
  for (const item of typeof source === 'function' ? calls(source) : source) {
    const row = log.encode(item, seq)
    seq = row.seq + 1
    yield row
  }
}

function* calls<Item>(make: (index: number) => Item | undefined): Generator<Item, void, undefined> {
  for (let index = 0, item = make(0); item !== undefined; item = make(++index)) yield item
}
