import type { JetstreamEvent } from '../events.js'
import { type Frame, FrameStore } from './frame-store.js'
import { type Envelope, envelopeOf, escapeHtml } from './jetstream-translate.js'

/** One row of the log: where its bytes are, and what positions and filters look at. */
export interface LogEntry extends Frame {
  readonly did: string
  readonly timeUs: number
  /** The v2 sequence number; counted on a legacy server too, where the wire does not show it. */
  readonly seq: number
  /** Of an event. */
  readonly kind: string | undefined
  /** Of a commit only. */
  readonly collection: string | undefined
  /** The wire that its bytes are written for. */
  readonly wire: 'v1' | 'v2'
  /** Came as text, or with a `cursor` of its own: its bytes are never changed. */
  readonly fixed: boolean
}

/** An event to be serialised, or a text that goes out byte for byte. */
export type LogItem = JetstreamEvent | string

export interface LogOptions {
  readonly server: 'legacy' | 'v2'
  readonly firstSeq: number
  readonly retainEvents: number
  readonly retainMs: number
}

/** What the server has seen, in order. Places are counted from the server's start and stay valid when old rows go. */
export class JetstreamLog {
  #rows: LogEntry[] = []
  /** The place of the first row. */
  #base = 0
  #oldest = 0
  #nextSeq: number
  /** Positions lost in a crash of a legacy server, to be handed out again. */
  readonly #lostTimes: number[] = []
  readonly #frames = new FrameStore()

  constructor(readonly options: LogOptions) {
    this.#nextSeq = options.firstSeq
  }

  /** The place after the newest row. */
  get end(): number {
    return this.#base + this.#rows.length
  }

  get newest(): LogEntry | undefined {
    return this.#rows.at(-1)
  }

  /** The place of the oldest row that retention keeps. */
  get oldest(): number {
    return this.#oldest
  }

  at(place: number): LogEntry | undefined {
    return this.#rows[place - this.#base]
  }

  /** The place of the first kept row that `test` takes, or `undefined`. */
  find(test: (entry: LogEntry) => boolean): number | undefined {
    for (let place = this.oldest; place < this.end; place++) {
      const entry = this.at(place)
      if (entry && test(entry)) return place
    }
    return undefined
  }

  /** Serialises ahead of time, for a position that {@link push} may yet correct. */
  encode(item: LogItem, seq = this.#nextSeq): LogEntry {
    const event = typeof item === 'string' ? envelopeOf(item) : v1EnvelopeOf(item)
    const own = event.cursor ?? seq
    const { slab, start, payload, end } = this.#frames.add(typeof item === 'string' ? item : this.#textOf(item, own))
    const { did = '', time_us = this.newest?.timeUs ?? 0, kind, collection, wire } = event
    const fixed = typeof item === 'string' || event.cursor !== undefined
    // Member by member: spreading the frame costs more than all the rest.
    return { slab, start, payload, end, did, timeUs: time_us, seq: own, kind, collection, wire, fixed }
  }

  /** Appends, with the position that is next. */
  push(encoded: LogEntry): void {
    const entry = encoded.fixed ? encoded : this.#positioned(encoded)
    this.#rows.push(entry)
    this.#nextSeq = (entry.fixed ? entry.seq : this.#nextSeq) + 1
    this.#expire()
  }

  /** Forgets the newest rows; their positions are handed out again. */
  lose(count: number): void {
    const lost = this.#rows.splice(Math.max(0, this.#rows.length - count))
    this.#oldest = Math.min(this.#oldest, this.end)
    this.#nextSeq = lost[0]?.seq ?? this.#nextSeq
    if (this.options.server === 'legacy') this.#lostTimes.unshift(...lost.map((entry) => entry.timeUs))
  }

  #textOf(event: JetstreamEvent, seq: number): string {
    // In the wire's order: members that the event brings itself keep their place.
    const sent = this.options.server === 'v2' ? Object.assign({ did: event.did, time_us: event.time_us, cursor: seq }, event) : event
    return escapeHtml(JSON.stringify(sent))
  }

  #positioned(entry: LogEntry): LogEntry {
    const seq = this.#nextSeq
    const timeUs = this.#lostTimes.shift() ?? entry.timeUs
    if (timeUs === entry.timeUs && (seq === entry.seq || this.options.server === 'legacy')) return entry
    return this.#rewritten(entry, timeUs, seq)
  }

  #rewritten(entry: LogEntry, timeUs: number, seq: number): LogEntry {
    const text = entry.slab.toString('utf8', entry.payload, entry.end)
    const moved = text.replace(/"time_us":\d+,/, `"time_us":${timeUs},`).replace(/"cursor":\d+,/, `"cursor":${seq},`)
    return { ...entry, ...this.#frames.add(moved), timeUs, seq }
  }

  #expire(): void {
    const { retainEvents, retainMs } = this.options
    const since = (this.newest?.timeUs ?? 0) - retainMs * 1000
    while (this.end - this.#oldest > retainEvents || (this.at(this.#oldest)?.timeUs ?? since) < since) this.#oldest++
    // In large steps: shifting rows one by one would cost more than all the rest.
    if (this.#oldest - this.#base < TRIMMED_ROWS) return
    this.#rows = this.#rows.slice(this.#oldest - this.#base)
    this.#base = this.#oldest
  }
}

const TRIMMED_ROWS = 65_536

const v1EnvelopeOf = (event: JetstreamEvent): Envelope => ({
  wire: 'v1',
  did: event.did,
  time_us: event.time_us,
  cursor: event.cursor,
  kind: event.kind,
  collection: event.kind === 'commit' ? event.commit?.collection : undefined,
})
