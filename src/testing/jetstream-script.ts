import type { JetstreamLog, LogEntry, LogItem } from './jetstream-log.js'

/** Where a fake server takes its events from: a list or an iterable, or a function that makes the n-th (from 0) when asked. */
export type EventSource = Iterable<LogItem> | ((index: number) => LogItem | undefined)

interface Line {
  readonly item: LogItem
  readonly entry?: LogEntry
}

/** The events a server has yet to see. A list is serialised at once, so that playing it costs writes and nothing else. */
export class JetstreamScript {
  readonly #lines: Iterator<Line>
  readonly #log: JetstreamLog
  #done = false

  constructor(source: EventSource, log: JetstreamLog) {
    this.#log = log
    this.#lines = Array.isArray(source) ? encoded(source, log).values() : lazily(source)
  }

  /** Whether all of it is in the log. */
  get done(): boolean {
    return this.#done
  }

  /** Moves up to `count` events to the log; answers how many there were. */
  take(count: number): number {
    for (let taken = 0; taken < count; taken++) {
      const line = this.#done ? undefined : this.#lines.next()
      if (line === undefined || line.done) {
        this.#done = true
        return taken
      }
      this.#log.push(line.value.item, line.value.entry)
    }
    return count
  }
}

function encoded(items: readonly LogItem[], log: JetstreamLog): Line[] {
  let seq = log.options.firstSeq
  return items.map((item) => {
    const entry = log.encode(item, seq)
    seq = entry.seq + 1
    return { item, entry }
  })
}

function* lazily(source: EventSource): Generator<Line, void, undefined> {
  if (typeof source !== 'function') {
    for (const item of source) yield { item }
    return
  }
  for (let index = 0, item = source(0); item !== undefined; item = source(++index)) yield { item }
}
