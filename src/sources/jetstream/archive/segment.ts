import { Damaged } from './damaged.js'
import { freeBytes } from './free-bytes.js'

export const HEADER_BYTES = 256
const LENGTH_BYTES = 8
const MAGIC = 'jss0'
const VERSION = 1
const [CHECKSUM_AT, VERSION_AT, BLOCKS_AT, EVENTS_AT, FOOTER_AT] = [4, 12, 14, 18, 58]

/** The header of a segment file. */
export interface SegmentHeader {
  /** 16 hex digits: the ETag, and the plan's checksum. */
  readonly checksum: string
  readonly blocks: number
  readonly events: number
  /** Where the blocks end, and the footer begins. */
  readonly blocksEnd: number
}

/** Throws {@link Damaged} for what is no header of a sealed segment. */
export function readHeader(bytes: Uint8Array): SegmentHeader {
  if (bytes.length < HEADER_BYTES)
    throw new Damaged(`a segment has ${bytes.length} bytes, and its header ${HEADER_BYTES}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length))
  const version = view.getUint16(VERSION_AT, true)
  if (magic !== MAGIC || version !== VERSION)
    throw new Damaged(`a segment begins with ${JSON.stringify(magic)} of version ${version}`)
  const checksum = view.getBigUint64(CHECKSUM_AT, true)
  const blocksEnd = Number(view.getBigUint64(FOOTER_AT, true))
  if (checksum === 0n || blocksEnd < HEADER_BYTES || !Number.isSafeInteger(blocksEnd))
    throw new Damaged('a segment is not sealed, or its header is damaged')
  return {
    checksum: checksum.toString(16).padStart(16, '0'),
    blocks: view.getUint32(BLOCKS_AT, true),
    events: view.getUint32(EVENTS_AT, true),
    blocksEnd,
  }
}

/**
 * Takes the frames of blocks out of a segment that comes in pieces. Frames are copies, and a piece
 * that was taken whole is freed.
 */
export class SegmentFrames {
  readonly #pieces: Uint8Array[] = []
  // Where the first piece is to be read on.
  #at = 0
  #length = 0
  // The length of the next frame, once it was taken.
  #next: number | undefined

  add(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.length > 0) this.#pieces.push(piece)
      this.#length += piece.length
    }
  }

  /** The next bytes, if so many are here. */
  take(length: number): Uint8Array | undefined {
    if (this.#length < length) return undefined
    const taken = new Uint8Array(length)
    for (let at = 0; at < length; ) at += this.#takeInto(taken, at)
    this.#length -= length
    return taken
  }

  /** The next frame, or `undefined` if it is not all here. `left`: the bytes until the last one. */
  takeFrame(left: number): Uint8Array | undefined {
    this.#next ??= this.#takeLength()
    const length = this.#next
    if (length === undefined) return undefined
    if (length === 0 || length > left - LENGTH_BYTES)
      throw new Damaged(`a block of ${length} bytes, where ${left - LENGTH_BYTES} are left`)
    const frame = this.take(length)
    if (frame !== undefined) this.#next = undefined
    return frame
  }

  #takeLength(): number | undefined {
    const head = this.take(LENGTH_BYTES)
    return head && Number(new DataView(head.buffer).getBigUint64(0, true))
  }

  /** Takes bytes of the first piece, and returns how many. */
  #takeInto(taken: Uint8Array, at: number): number {
    const piece = this.#pieces[0] as Uint8Array
    const part = piece.subarray(this.#at, this.#at + taken.length - at)
    const { length } = part
    taken.set(part, at)
    this.#at += length
    if (this.#at < piece.length) return length
    this.#pieces.shift()
    this.#at = 0
    freeBytes(piece)
    return length
  }
}
