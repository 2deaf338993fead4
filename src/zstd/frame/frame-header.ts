import { FrameError } from '../../errors.js'

/** What a frame says of itself, RFC 8878 section 3.1.1.1. */
export interface FrameHeader {
  /** Length of the header itself. */
  readonly bytes: number
  /** 0 where the frame names none. */
  readonly dictionaryId: number
  /** Absent in what the servers send below 256 bytes. */
  readonly contentBytes: number | undefined
  /** How far back the content may refer: what a streaming decoder must keep. */
  readonly windowBytes: number
  readonly hasChecksum: boolean
}

const MAGIC = 0xfd2fb528
const MIN_HEADER_BYTES = 6
// By the two bits of the descriptor that stand for each.
const DICTIONARY_ID_BYTES = [0, 1, 2, 4]
const CONTENT_SIZE_BYTES = [0, 2, 4, 8]

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
