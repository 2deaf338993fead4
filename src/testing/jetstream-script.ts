import type { JetstreamLog, LogEntry, LogItem } from './jetstream-log.js'

/** Where a fake server takes its events from: a list or an iterable, or a function that makes the n-th (from 0) when asked. */
export type EventSource = Iterable<LogItem> | ((index: number) => LogItem | undefined)

/** The events a server has yet to see. */
export class JetstreamScript {
  readonly #entries: Iterator<LogEntry>
  readonly #log: JetstreamLog
  #done = false

  /** `ahead`: serialised now, so that playing them costs writes and nothing else. */
  constructor(source: EventSource, log: JetstreamLog, when: 'ahead' | 'on demand') {
    this.#log = log
    const entries = encoded(source, log)
    this.#entries = when === 'ahead' ? [...entries].values() : entries
  }

  /** Whether all of it is in the log. */
  get done(): boolean {
    return this.#done
  }

  /** Moves up to `count` events to the log; answers how many there were. */
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

function* encoded(source: EventSource, log: JetstreamLog): Generator<LogEntry, void, undefined> {
  let seq = log.options.firstSeq
  for (const item of typeof source === 'function' ? calls(source) : source) {
    const entry = log.encode(item, seq)
    seq = entry.seq + 1
    yield entry
  }
}

function* calls(make: (index: number) => LogItem | undefined): Generator<LogItem, void, undefined> {
  for (let index = 0, item = make(0); item !== undefined; item = make(++index)) yield item
}
