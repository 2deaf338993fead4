import type { JetstreamEvent } from '../../../events.js'
import { internAscii } from '../../../internal/intern-ascii.js'
import { Control, type Gathered, type Gathering, type PlaceInLog } from '../../../live/protocol.js'
import type { Received } from '../../../socket/socket.js'
import { type SliceableBytes, TextBytes, viewAsText } from '../../../socket/text-bytes.js'
import type { WireReaders } from '../decoding.js'
import { keepText } from '../lazy/raw-text.js'
import { LINES_BYTES } from '../lazy/scanner.js'
import { EventChunk, type JetstreamChunk } from './chunk.js'
import { CID, COLLECTION, DID, type Form, REV, RKEY, WITNESSED_AT } from './form.js'
import { LineChunk } from './line-chunk.js'
import { RawCommit } from './raw-commit.js'
import { type RawReader, rawReader } from './raw-reader.js'
import { type Rows, RowWriter } from './rows.js'

const SLOTS = [DID, REV, COLLECTION, RKEY]
const SLOTS_WITH_CID = [...SLOTS, CID]
const nameAt = internAscii()

/** Returns `undefined` if there is no scanner: each event is then a chunk of its own. */
export function gatherer(
  forms: readonly Form[],
  readers: WireReaders,
): Gathering<JetstreamChunk> | undefined {
  const reader = rawReader(forms)
  return reader && new Gatherer(reader, new RowWriter(forms), readers)
}

/**
 * Gathers messages as lines, in the scanner's own memory. Each message is scanned, its row of
 * numbers is written, and the filters read its bytes. A message of no known form is parsed: its
 * line and the parsed event join the others.
 *
 * The positions of a chunk grow, so its first and its last event say where it is. An event at or
 * before the position of the previous event does not join the chunk.
 */
class Gatherer implements Gathering<JetstreamChunk> {
  // The size of the lines, in bytes.
  #used = 0
  #filtered = 0
  // The end of the last event's line if that event was filtered, else 0. The next line overwrites
  // it.
  #hiddenTo = 0
  #first: PlaceInLog | undefined
  // The position and time of the last event that was added, wanted or not.
  #position = 0
  #timeUs = 0
  // The position of the last event, added or not.
  #seen = 0

  constructor(
    private readonly reader: RawReader,
    private readonly rows: RowWriter,
    private readonly readers: WireReaders,
  ) {}

  add(frame: Received): boolean {
    const message = this.#messageOf(frame)
    if (message === undefined || this.rows.isFull || !this.#hasRoom(message)) return false
    return this.reader.read(message) ? this.#addScanned(message) : this.#addParsed(message)
  }

  take(): Gathered<JetstreamChunk> | undefined {
    const { length } = this.rows
    const isHidden = this.#hiddenTo > 0
    if (length === 0 && !isHidden) return undefined
    const { scanner } = this.reader
    const [count, size] = isHidden ? [length + 1, this.#hiddenTo + 1] : [length, this.#used]
    const bytes = scanner.lines(size, this.rows.bytesOf(count, size))
    const rows = this.rows.take(count, bytes, size)
    const lines = bytes.subarray(0, this.#used) as SliceableBytes
    const chunk = length === 0 ? undefined : new LineChunk(lines, rows, length)
    const last = { position: this.#position, time_us: this.#timeUs }
    const gathered = {
      event: chunk,
      size: length,
      filtered: this.#filtered,
      first: this.#first ?? last,
      last,
      end: isHidden || chunk === undefined ? hidden(bytes, rows, length) : chunk,
    }
    this.#begin()
    return gathered
  }

  #begin(): void {
    this.#used = 0
    this.#filtered = 0
    this.#hiddenTo = 0
    this.#first = undefined
  }

  /** The message as bytes; `undefined` if the frame is not one, or cannot be decompressed. */
  #messageOf(frame: Received): TextBytes | undefined {
    if (frame instanceof TextBytes) return frame
    const { inflate } = this.readers
    if (!(frame instanceof Uint8Array) || inflate === undefined) return undefined
    try {
      return viewAsText(inflate(frame))
    } catch {
      // The frame is then read by itself, which reports the error.
      return undefined
    }
  }

  #hasRoom({ from, to }: TextBytes): boolean {
    return this.#used + to - from < LINES_BYTES - 64
  }

  #addScanned(message: TextBytes): boolean {
    const { reader } = this
    const { form, time_us, cursor } = reader
    if (!this.#moves(form.hasCursor ? cursor : time_us, time_us)) return false
    const to = this.#copy(message)
    this.rows.write(reader, form.hasRecord ? SLOTS_WITH_CID : SLOTS, to)
    if (form.isWitnessed) this.rows.writeSpan(WITNESSED_AT, reader.span(WITNESSED_AT))
    this.#keep(to, this.#isWanted())
    return true
  }

  #addParsed(message: TextBytes): boolean {
    const event = this.#parse(message)
    if (event === undefined || !this.reader.scanner.load(message)) return false
    if (!this.#moves(event.cursor ?? event.time_us, event.time_us)) return false
    const to = this.#copy(message)
    this.rows.writeParsed(event, to)
    const collection = event.kind === 'commit' ? event.commit.collection : undefined
    this.#keep(to, this.readers.wanted?.(event.kind, event.did, collection) ?? true)
    return true
  }

  /** Whether a position is after the one before, so that the event belongs to this chunk. */
  #moves(position: number, time_us: number): boolean {
    const moves = position > this.#seen
    this.#seen = position
    if (!moves) return false
    this.#position = position
    this.#timeUs = time_us
    return true
  }

  /** Copies the message to the end of the lines. Returns where it ends. */
  #copy(message: TextBytes): number {
    const length = lengthWithoutSpace(message)
    this.reader.scanner.copyLine(message, length, this.#used)
    return this.#used + length
  }

  #keep(to: number, isWanted: boolean): void {
    if (isWanted) {
      this.#first ??= { position: this.#position, time_us: this.#timeUs }
      this.#used = to + 1
      this.#hiddenTo = 0
      return
    }
    this.rows.hideLast()
    this.#filtered += 1
    this.#hiddenTo = to
  }

  #isWanted(): boolean {
    const { wanted } = this.readers
    if (wanted === undefined) return true
    const { scanner } = this.reader
    const collection = nameAt(
      scanner.memory,
      scanner.stringFrom(COLLECTION),
      scanner.stringTo(COLLECTION),
    )
    return wanted('commit', scanner.text(DID), collection)
  }

  #parse(message: TextBytes): JetstreamEvent | undefined {
    try {
      const read = this.readers.parse(message.toFrame(), keepText)
      return read instanceof Control || isUnreadable(read) ? undefined : read
    } catch {
      // The message is then read by itself, which reports the error.
      return undefined
    }
  }
}

/** Alone, so that who passes lines on can see it. */
const isUnreadable = (event: JetstreamEvent): boolean =>
  event.kind === 'commit' && 'problem' in event.commit

/** An event that was filtered. Only its identity is read. */
function hidden(bytes: SliceableBytes, rows: Rows, index: number): JetstreamChunk {
  const parsed = rows.parsed(index)
  if (parsed !== undefined) return new EventChunk([parsed])
  const text = bytes.latin1Slice(rows.from(index), rows.to(index))
  return new EventChunk([new RawCommit(rows.valuesOf(index), text) as unknown as JetstreamEvent])
}

function lengthWithoutSpace({ chunk, from, to }: TextBytes): number {
  let end = to
  while (end > from && (chunk[end - 1] as number) <= 32) end -= 1
  return end - from
}
