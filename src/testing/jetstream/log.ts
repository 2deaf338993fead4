import type { JetstreamEvent } from '../../events.js'
import { RetainedLog, type Retention } from '../server/retained-log.js'
import type { ScriptedLog } from '../server/script.js'
import { type Frame, FrameStore } from '../wire/frame-store.js'
import { type Envelope, envelopeOf, escapeAsGo } from './translate.js'

/** One row of the log: its frame, and the fields that positions and filters read. */
export interface JetstreamRow extends Frame {
  readonly did: string
  readonly timeUs: number
  /** The v2 sequence number. A legacy server counts too, but does not send it. */
  readonly seq: number
  /** `undefined` for a text that is not an event. */
  readonly kind: string | undefined
  /** For a commit only. */
  readonly collection: string | undefined
  /** The wire that the bytes are encoded for. */
  readonly wire: 'v1' | 'v2'
  /** A commit of a `#sync`, which wire v1 never sends. */
  readonly isResync: boolean
  /** Given as text, or with its own `cursor`: the bytes never change. */
  readonly fixed: boolean
  /**
   * The frame for the other wire, set by `WireFrames`: `null` if that wire never sends it,
   * `undefined` until it is needed.
   */
  translated: Frame | null | undefined
}

/** A row as {@link FakeJetstream.compact} shows it. */
export interface LogRow {
  readonly did: string
  /** For a commit only. */
  readonly collection: string | undefined
  readonly seq: number
  readonly timeUs: number
}

/** An event to serialise, or a text that is sent byte for byte. */
export type LogItem = JetstreamEvent | string

export interface LogOptions extends Retention {
  readonly server: 'legacy' | 'v2'
  readonly firstSeq: number
}

const AGAIN_AFTER_US = 1_000_000

/** The events that the server has, in order. */
export class JetstreamLog
  extends RetainedLog<JetstreamRow>
  implements ScriptedLog<LogItem, JetstreamRow>
{
  #nextSeq: number
  /** The latest time assigned. A server assigns a time once, even if it loses the row. */
  #latestUs = 0
  /** Events read again have later times, and so does all that comes after them. */
  #hasReadAgain = false
  readonly #removed = new Set<JetstreamRow>()
  /** The revision of each repository's last `#sync`: commits of the same revision follow it. */
  readonly #synced = new Map<string, string>()
  readonly #frames = new FrameStore()

  constructor(readonly options: LogOptions) {
    super(options)
    this.#nextSeq = options.firstSeq
  }

  get firstSeq(): number {
    return this.options.firstSeq
  }

  /** Serialises ahead of time, for a position that {@link push} may correct. */
  encode(item: LogItem, seq = this.#nextSeq): JetstreamRow {
    const event = typeof item === 'string' ? envelopeOf(item) : v1EnvelopeOf(item)
    const own = event.cursor ?? seq
    const { slab, start, payload, end } = this.#frames.add(
      typeof item === 'string' ? item : this.#textOf(item, own),
    )
    const { did = '', time_us = this.newest?.timeUs ?? 0, kind, collection, wire } = event
    const fixed = typeof item === 'string' || event.cursor !== undefined
    const isResync = this.#isResync(item)
    // Member by member: spreading the frame costs more than the rest of this function.
    return {
      slab,
      start,
      payload,
      end,
      did,
      timeUs: time_us,
      seq: own,
      kind,
      collection,
      wire,
      fixed,
      isResync,
      translated: undefined,
    }
  }

  /** Appends a row under the next position. */
  push(encoded: JetstreamRow): void {
    const row = encoded.fixed ? encoded : this.#timed(this.#positioned(encoded))
    this.#nextSeq = (row.fixed ? row.seq : this.#nextSeq) + 1
    this.#latestUs = Math.max(this.#latestUs, row.timeUs)
    this.append(row)
  }

  /** Removes the newest rows and returns them. A v2 server assigns their numbers again. */
  lose(count: number): readonly JetstreamRow[] {
    const lost = this.removeNewest(count)
    this.#nextSeq = lost[0]?.seq ?? this.#nextSeq
    return lost
  }

  /** Appends lost rows as the server reads them from its upstream again: a second later. */
  pushAgain(lost: readonly JetstreamRow[]): void {
    this.#hasReadAgain = true
    const fromUs = this.#latestUs + AGAIN_AFTER_US
    for (const [index, row] of lost.entries())
      this.push({ ...this.#rewritten(row, fromUs + index, this.#nextSeq), fixed: false })
  }

  remove(isRemoved: (row: LogRow) => boolean): number {
    let count = 0
    for (let position = this.oldest; position < this.end; position++) {
      const row = this.at(position)
      if (row === undefined || this.#removed.has(row) || !isRemoved(row)) continue
      this.#removed.add(row)
      count += 1
    }
    return count
  }

  isRemoved(row: JetstreamRow): boolean {
    return this.#removed.size > 0 && this.#removed.has(row)
  }

  protected override expired(row: JetstreamRow): void {
    this.#removed.delete(row)
  }

  #isResync(item: LogItem): boolean {
    if (typeof item === 'string') return false
    if (item.kind === 'sync') this.#synced.set(item.did, item.sync.rev)
    return (
      item.kind === 'commit' &&
      this.#synced.size > 0 &&
      this.#synced.get(item.did) === item.commit.rev
    )
  }

  #textOf(event: JetstreamEvent, seq: number): string {
    // In the wire's order: members that the event has itself keep their place.
    const sent =
      this.options.server === 'v2'
        ? Object.assign({ did: event.did, time_us: event.time_us, cursor: seq }, event)
        : event
    return escapeAsGo(JSON.stringify(sent))
  }

  #positioned(row: JetstreamRow): JetstreamRow {
    const seq = this.#nextSeq
    if (seq === row.seq || this.options.server === 'legacy') return row
    return this.#rewritten(row, row.timeUs, seq)
  }

  /** The times of a server grow: an event has to come after what was read again before it. */
  #timed(row: JetstreamRow): JetstreamRow {
    return this.#hasReadAgain && row.timeUs <= this.#latestUs
      ? this.#rewritten(row, this.#latestUs + 1, row.seq)
      : row
  }

  #rewritten(row: JetstreamRow, timeUs: number, seq: number): JetstreamRow {
    const text = row.slab.toString('utf8', row.payload, row.end)
    const moved = text
      .replace(/"time_us":\d+,/, `"time_us":${timeUs},`)
      .replace(/"cursor":\d+,/, `"cursor":${seq},`)
    return { ...row, ...this.#frames.add(moved), timeUs, seq, translated: undefined }
  }
}

const v1EnvelopeOf = (event: JetstreamEvent): Envelope => ({
  wire: 'v1',
  did: event.did,
  time_us: event.time_us,
  cursor: event.cursor,
  kind: event.kind,
  collection: event.kind === 'commit' ? event.commit?.collection : undefined,
})
