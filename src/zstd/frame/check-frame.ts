import { FrameError } from '../../errors.js'

const MAGIC = 0xfd2fb528
const MIN_HEADER_BYTES = 6
// Indexed by the two bits of the descriptor for each.
const DICTIONARY_ID_BYTES = [0, 1, 2, 4]
const CONTENT_SIZE_BYTES = [0, 2, 4, 8]
// RFC 8878 section 3.1.1.1.2: what every decoder should support, and no encoder should exceed. The
// servers use 128 KiB.
const MAX_WINDOW_BYTES = 8 * 2 ** 20
// RFC 8878 section 3.1.1.2.
const MAX_BLOCK_BYTES = 128 * 2 ** 10
const BLOCK_HEADER_BYTES = 3
const CHECKSUM_BYTES = 4
const [RLE, COMPRESSED, RESERVED] = [1, 2, 3]

/**
 * Returns how many bytes the content of `frame` needs, at most `maxBytes`. Walks over the blocks
 * without decoding them. Throws `FrameError` unless this is exactly one frame, of this dictionary,
 * and small enough: no decoder sees anything else.
 */
export function checkFrame(frame: Uint8Array, dictionaryId: number, maxBytes: number): number {
  const header = readFrameHeader(frame)
  // A frame need not name its dictionary. It is then decoded with ours, as zstd itself does.
  if (header.dictionaryId !== 0 && header.dictionaryId !== dictionaryId) {
    throw new FrameError(
      `the zstd frame needs dictionary ${header.dictionaryId}, not ${dictionaryId}`,
    )
  }
  if (header.contentBytes !== undefined && header.contentBytes > maxBytes) throw tooLarge(maxBytes)
  if (header.windowBytes > Math.max(MAX_WINDOW_BYTES, maxBytes))
    throw new FrameError(`the zstd frame wants a window of ${header.windowBytes} bytes`)
  const most = walk(frame, header, maxBytes)
  return header.contentBytes ?? Math.min(most, maxBytes)
}

export const tooLarge = (maxBytes: number): FrameError =>
  new FrameError(`the content of the zstd frame is larger than \`maxFrameBytes\` (${maxBytes})`)

/** The most that the blocks can hold. Throws where the frame does not end with them. */
function walk(frame: Uint8Array, header: FrameHeader, maxBytes: number): number {
  const blockBytes = Math.min(header.windowBytes, MAX_BLOCK_BYTES)
  let at = header.bytes
  let least = 0
  let most = 0
  let isLast = false
  while (!isLast) {
    if (at + BLOCK_HEADER_BYTES > frame.length) throw truncated()
    const block = (frame[at] ?? 0) | ((frame[at + 1] ?? 0) << 8) | ((frame[at + 2] ?? 0) << 16)
    const type = (block >> 1) & 0b11
    const size = block >> 3
    if (type === RESERVED || size > blockBytes)
      throw new FrameError('the zstd frame is corrupt: no such block')
    least += type === COMPRESSED ? 0 : size
    most += type === COMPRESSED ? blockBytes : size
    if (least > maxBytes) throw tooLarge(maxBytes)
    at += BLOCK_HEADER_BYTES + (type === RLE ? 1 : size)
    isLast = (block & 1) === 1
  }
  const end = at + (header.hasChecksum ? CHECKSUM_BYTES : 0)
  if (end > frame.length) throw truncated()
  if (end < frame.length)
    throw new FrameError(
      `the zstd frame is followed by ${frame.length - end} bytes that are not its own`,
    )
  return most
}

/** The header of a frame, RFC 8878 section 3.1.1.1. */
export interface FrameHeader {
  /** Length of the header itself. */
  readonly bytes: number
  /** 0 if the frame names none. */
  readonly dictionaryId: number
  /** `undefined` if the frame does not say it, as servers do below 256 bytes. */
  readonly contentBytes: number | undefined
  /** How far back the content may refer, and so what a streaming decoder must keep. */
  readonly windowBytes: number
  readonly hasChecksum: boolean
}

export function readFrameHeader(frame: Uint8Array): FrameHeader {
  if (frame.length < MIN_HEADER_BYTES) throw truncated()
  if (unsigned(frame, 0, 4) !== MAGIC) throw new FrameError('the frame is not zstd')
  const descriptor = unsigned(frame, 4, 1)
  if ((descriptor & 0b1000) !== 0) throw new FrameError('the zstd frame sets a reserved bit')
  const isSingleSegment = (descriptor & 0b10_0000) !== 0
  const dictionaryIdBytes = DICTIONARY_ID_BYTES[descriptor & 0b11] ?? 0
  const contentSizeFlag = descriptor >> 6
  const contentSizeBytes =
    contentSizeFlag === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_BYTES[contentSizeFlag] ?? 0)
  const dictionaryIdAt = isSingleSegment ? 5 : 6
  const contentSizeAt = dictionaryIdAt + dictionaryIdBytes
  const bytes = contentSizeAt + contentSizeBytes
  if (frame.length < bytes) throw truncated()

  const contentBytes =
    contentSizeBytes === 0
      ? undefined
      : unsigned(frame, contentSizeAt, contentSizeBytes) + (contentSizeBytes === 2 ? 256 : 0)
  return {
    bytes,
    dictionaryId: unsigned(frame, dictionaryIdAt, dictionaryIdBytes),
    contentBytes,
    windowBytes: isSingleSegment ? (contentBytes ?? 0) : windowBytesOf(unsigned(frame, 5, 1)),
    hasChecksum: (descriptor & 0b100) !== 0,
  }
}

export const truncated = (): FrameError => new FrameError('the zstd frame is truncated')

/** Little-endian, exact up to 2^53. */
export function unsigned(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  for (let i = length - 1; i >= 0; i -= 1) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}

function windowBytesOf(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 0b111)
}
