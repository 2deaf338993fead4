import type { JetstreamEvent } from '../../events.js'
import { RetainedLog, type Retention } from '../server/retained-log.js'
import type { ScriptedLog } from '../server/script.js'
import { type Frame, FrameStore } from '../wire/frame-store.js'
import { type Envelope, envelopeOf, escapeAsGo } from './translate.js'

/** One row of the log: where its bytes are, and what positions and filters look at. */
export interface JetstreamRow extends Frame {
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
  /** One of the rows that follow a `#sync`, which wire v1 never sends. */
  readonly isResync: boolean
  /** Came as text, or with a `cursor` of its own: its bytes are never changed. */
  readonly fixed: boolean
  /**
   * What `Forms` made of it for the other wire, which goes with it: `null` for what that never
   * sends, `undefined` while nobody has asked.
   */
  translated: Frame | null | undefined
}

/** What {@link FakeJetstream.compact} looks at. */
export interface LogRow {
  readonly did: string
  /** Of a commit only. */
  readonly collection: string | undefined
  readonly seq: number
  readonly timeUs: number
}

/** An event to be serialised, or a text that goes out byte for byte. */
export type LogItem = JetstreamEvent | string

export interface LogOptions extends Retention {
  readonly server: 'legacy' | 'v2'
  readonly firstSeq: number
}

const AGAIN_AFTER_US = 1_000_000

/** What the server has seen, in order. */
export class JetstreamLog
  extends RetainedLog<JetstreamRow>
  implements ScriptedLog<LogItem, JetstreamRow>
{
  #nextSeq: number
  /** The latest time that was given out. A server gives it once, also when it lost the row. */
  #latestUs = 0
  readonly #removed = new Set<JetstreamRow>()
  /** The revision of each repository's last `#sync`: rows of the same one are what follows it. */
  readonly #synced = new Map<string, string>()
  readonly #frames = new FrameStore()

  constructor(readonly options: LogOptions) {
    super(options)
    this.#nextSeq = options.firstSeq
  }

  get firstSeq(): number {
    return this.options.firstSeq
  }

  /** Serialises ahead of time, for a position that {@link push} may yet correct. */
  encode(item: LogItem, seq = this.#nextSeq): JetstreamRow {
    const event = typeof item === 'string' ? envelopeOf(item) : v1EnvelopeOf(item)
    const own = event.cursor ?? seq
    const { slab, start, payload, end } = this.#frames.add(
      typeof item === 'string' ? item : this.#textOf(item, own),
    )
    const { did = '', time_us = this.newest?.timeUs ?? 0, kind, collection, wire } = event
    const fixed = typeof item === 'string' || event.cursor !== undefined
    const isResync = this.#isResync(item)
    // Member by member: spreading the frame costs more than all the rest.
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

  /** Appends, with the position that is next. */
  push(encoded: JetstreamRow): void {
    const row = encoded.fixed ? encoded : this.#positioned(encoded)
    this.#nextSeq = (row.fixed ? row.seq : this.#nextSeq) + 1
    this.#latestUs = Math.max(this.#latestUs, row.timeUs)
    this.append(row)
  }

  /** Forgets the newest rows, and returns them. A v2 server hands their numbers out again. */
  lose(count: number): readonly JetstreamRow[] {
    const lost = this.removeNewest(count)
    this.#nextSeq = lost[0]?.seq ?? this.#nextSeq
    return lost
  }

  /** Appends rows that were lost, as they come from the upstream once more: a second later. */
  pushAgain(lost: readonly JetstreamRow[]): void {
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
    // In the wire's order: members that the event brings itself keep their place.
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
