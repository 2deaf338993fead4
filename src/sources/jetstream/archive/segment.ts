import { Damaged } from './damaged.js'

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
 * Takes the frames of blocks out of a segment that comes in pieces. A frame that lies in one piece
 * is a view of it.
 */
export class SegmentFrames {
  readonly #pieces: Uint8Array[] = []
  #length = 0

  add(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.length > 0) this.#pieces.push(piece)
      this.#length += piece.length
    }
  }

  /** The next bytes, if so many are here. */
  take(length: number): Uint8Array | undefined {
    if (this.#length < length) return undefined
    this.#length -= length
    const [first] = this.#pieces
    if (first === undefined || first.length >= length) return this.#takeOf(first, length)
    const joined = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const [piece = joined] = this.#pieces
      const part = this.#takeOf(piece, Math.min(piece.length, length - at))
      joined.set(part, at)
      at += part.length
    }
    return joined
  }

  /** The next frame, or `undefined` if it is not all here. `left`: the bytes until the last one. */
  takeFrame(left: number): Uint8Array | undefined {
    const length = this.#frameLength
    if (length === undefined) return undefined
    if (length === 0 || length > left - LENGTH_BYTES)
      throw new Damaged(`a block of ${length} bytes, where ${left - LENGTH_BYTES} are left`)
    if (this.#length < LENGTH_BYTES + length) return undefined
    this.take(LENGTH_BYTES)
    return this.take(length)
  }

  /** The length before the next frame, which stays there. */
  get #frameLength(): number | undefined {
    const head = this.take(LENGTH_BYTES)
    if (head === undefined) return undefined
    this.#pieces.unshift(head)
    this.#length += LENGTH_BYTES
    const view = new DataView(head.buffer, head.byteOffset, LENGTH_BYTES)
    return Number(view.getBigUint64(0, true))
  }

  /** Takes bytes of the first piece. */
  #takeOf(piece: Uint8Array = new Uint8Array(), length: number): Uint8Array {
    if (piece.length === length) this.#pieces.shift()
    else this.#pieces[0] = piece.subarray(length)
    return piece.subarray(0, length)
  }
}
