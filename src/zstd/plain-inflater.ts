import { FrameError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import { checkFrame, readFrameHeader } from './frame/check-frame.js'

/**
 * Decompresses one whole frame without a dictionary, to at most `maxBytes`. The content is a copy,
 * and its checksum was verified. Throws `FrameError` for anything else, a frame without a checksum
 * included.
 */
export interface PlainInflater {
  readonly name: 'wasm' | 'zlib'
  inflate(frame: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array>
}

const NO_DICTIONARY = 0

/**
 * What all inflaters share. `inflate` returns at most `capacity` bytes, and verifies the checksum:
 * not every decoder does.
 */
export function plainInflater(
  name: PlainInflater['name'],
  inflate: (frame: Uint8Array, capacity: number) => Uint8Array | Promise<Uint8Array>,
): PlainInflater {
  return {
    name,
    inflate(frame, maxBytes) {
      // It also shows that the frame is whole: Node 22 returns what it has of one that was cut.
      const capacity = checkFrame(frame, NO_DICTIONARY, maxBytes)
      if (!readFrameHeader(frame).hasChecksum)
        throw new FrameError('the zstd frame has no checksum')
      try {
        const content = inflate(frame, capacity)
        return content instanceof Promise ? content.catch(corrupt) : content
      } catch (error) {
        return corrupt(error)
      }
    },
  }
}

function corrupt(cause: unknown): never {
  throw new FrameError(`the zstd frame is corrupt: ${messageOf(cause)}`, undefined, { cause })
}
