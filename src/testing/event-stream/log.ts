import { RetainedLog, type Retention } from '../server/retained-log.js'
import type { ScriptedLog } from '../server/script.js'
import { type Frame, FrameStore } from '../wire/frame-store.js'
import { decodeFrame, encodeFrame } from './firehose-message.js'

/** One row: its frame and its position. */
export interface StreamRow extends Frame {
  /** For a frame that cannot be decoded, the number that its place in the log implies. */
  readonly seq: number
  readonly timeUs: number
  /** The message has its own `seq`. */
  readonly fixed: boolean
  /** A later row with the same subject replaces this one. */
  readonly subject: string | undefined
}

/** A message to encode: the header's `t`, and the body. */
export interface StreamMessage {
  readonly t: string
  readonly body: object
  readonly truncated?: true
}

/** What a log reads from the body of a message. */
export interface MessageFacts {
  readonly time?: string | undefined
  /** A later message with the same subject replaces this one. */
  readonly subject?: string | undefined
}

/** What differs between the logs of two streams. */
export interface StreamKind<Item> {
  /** The message that the server sends for an item. */
  readonly messageOf: (item: Item) => StreamMessage
  readonly factsOf: (body: object) => MessageFacts
}

/** The frames of an event stream, under increasing sequence numbers. */
export class StreamLog<Item>
  extends RetainedLog<StreamRow>
  implements ScriptedLog<Item | Uint8Array, StreamRow>
{
  #nextSeq: number
  /** Once renumbered, the log assigns every number itself. */
  #renumbered = false
  /** The highest number that retention removed. */
  #expiredSeq = Number.NEGATIVE_INFINITY
  readonly #newestAbout = new Map<string, StreamRow>()
  readonly #replaced = new Set<StreamRow>()
  readonly #frames = new FrameStore()

  constructor(
    readonly firstSeq: number,
    retention: Retention,
    private readonly kind: StreamKind<Item>,
  ) {
    super(retention)
    this.#nextSeq = firstSeq
  }

  /** 0 while the log is empty. */
  get newestSeq(): number {
    return this.newest?.seq ?? 0
  }

  /** The frames that a replay from the start would send. */
  get frames(): readonly Uint8Array[] {
    const rows = Array.from({ length: this.end - this.oldest }, (_, index) =>
      this.at(this.oldest + index),
    )
    return rows.flatMap((row) =>
      row === undefined || this.isReplaced(row) ? [] : [payloadOf(row)],
    )
  }

  /** Whether retention has removed rows after this cursor. */
  isOutdated(cursor: number): boolean {
    return cursor < this.#expiredSeq
  }

  /** Whether a later row has replaced it. */
  isReplaced(row: StreamRow): boolean {
    return this.#replaced.has(row)
  }

  encode(item: Item | Uint8Array, seq = this.#nextSeq): StreamRow {
    if (item instanceof Uint8Array) return this.#row(item, tryBody(item), seq)
    const { t, body, truncated } = this.kind.messageOf(item)
    const numbered = { seq, ...body }
    const frame = encodeFrame(t, numbered)
    return {
      ...this.#row(truncated ? frame.subarray(0, frame.length >> 1) : frame, numbered, seq),
      fixed: 'seq' in body,
    }
  }

  push(encoded: StreamRow): void {
    const follows = encoded.fixed && !this.#renumbered
    const row =
      follows || encoded.seq === this.#nextSeq ? encoded : this.#renumber(encoded, this.#nextSeq)
    this.#nextSeq = row.seq + 1
    this.#replace(row)
    this.append(row)
  }

  /** Removes the newest rows; later rows get their numbers. */
  lose(count: number): void {
    const [first] = this.removeNewest(count)
    if (first === undefined) return
    this.#nextSeq = first.seq
    this.#renumbered = true
  }

  /** Renumbers every row, from the oldest on. */
  renumber(firstSeq: number): void {
    this.#nextSeq = firstSeq
    this.#renumbered = true
    this.#expiredSeq = Number.NEGATIVE_INFINITY
    this.replaceKept((row) => this.#renumber(row, this.#nextSeq++))
  }

  protected override expired({ seq }: StreamRow): void {
    this.#expiredSeq = Math.max(this.#expiredSeq, seq)
  }

  #row(
    bytes: Uint8Array,
    body: (object & { readonly seq?: unknown }) | undefined,
    seq: number,
  ): StreamRow {
    const { slab, start, payload, end } = this.#frames.addBytes(bytes)
    const own = Number.isSafeInteger(body?.seq) ? Number(body?.seq) : undefined
    const { time, subject } = body === undefined ? {} : this.kind.factsOf(body)
    const timeUs = Date.parse(time ?? '') * 1000
    return {
      slab,
      start,
      payload,
      end,
      seq: own ?? seq,
      fixed: own !== undefined,
      subject,
      timeUs: timeUs || (this.newest?.timeUs ?? 0),
    }
  }

  #renumber(row: StreamRow, seq: number): StreamRow {
    const frame = payloadOf(row)
    const body = tryBody(frame)
    const renumbered =
      body === undefined
        ? { ...row, seq }
        : { ...row, ...this.#frames.addBytes(encodeFrame(tOf(frame), { ...body, seq })), seq }
    if (row.subject !== undefined && this.#newestAbout.get(row.subject) === row)
      this.#newestAbout.set(row.subject, renumbered)
    if (this.#replaced.delete(row)) this.#replaced.add(renumbered)
    return renumbered
  }

  #replace(row: StreamRow): void {
    if (row.subject === undefined) return
    const before = this.#newestAbout.get(row.subject)
    if (before !== undefined) this.#replaced.add(before)
    this.#newestAbout.set(row.subject, row)
  }
}

const payloadOf = ({ slab, payload, end }: StreamRow): Uint8Array => slab.subarray(payload, end)
const tOf = (frame: Uint8Array): string => decodeFrame(frame).t ?? ''

function tryBody(frame: Uint8Array): object | undefined {
  try {
    return decodeFrame(frame).body
  } catch {
    return undefined
  }
}
