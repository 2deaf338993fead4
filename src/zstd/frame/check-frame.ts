import { FrameError } from '../../errors.js'
import { type FrameHeader, readFrameHeader, truncated } from './frame-header.js'

// RFC 8878 section 3.1.1.1.2: what every decoder should support, and no encoder should exceed. The
// servers use 128 KiB.
const MAX_WINDOW_BYTES = 8 * 2 ** 20
// RFC 8878 section 3.1.1.2.
const MAX_BLOCK_BYTES = 128 * 2 ** 10
const BLOCK_HEADER_BYTES = 3
const CHECKSUM_BYTES = 4
const [RLE, COMPRESSED, RESERVED] = [1, 2, 3]

/**
 * The memory that the content of `frame` needs, at most `maxBytes`. Walks over the blocks without
 * reading them, so that whatever is not exactly one frame, of this dictionary, and small enough, is
 * refused before any decoder sees it.
 */
export function checkFrame(frame: Uint8Array, dictionaryId: number, maxBytes: number): number {
  const header = readFrameHeader(frame)
  // A frame may leave its dictionary unnamed; it is read with the one we have, as zstd itself does
  // it.
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
