import { FrameError, StreamError } from '../../errors.js'
import { checkFrame } from '../frame/check-frame.js'

/**
 * Reads zstd frames that were made with one dictionary. Making one prepares the dictionary once: a
 * decoder that loads it for each frame spends nine tenths of its time there.
 */
export interface DictionaryDecoder {
  readonly name: 'wasm' | 'zlib' | 'napi'
  readonly dictionaryId: number
  /**
   * The text of one whole frame (RFC 8878) of at most `maxBytes` bytes. Throws `FrameError` on
   * anything else, before more memory than that is taken; the next frame is read as if nothing had
   * been.
   */
  decode(frame: Uint8Array, maxBytes: number): string
  /** The same as bytes, which nobody has looked into, and which are valid until the next frame. */
  inflate(frame: Uint8Array, maxBytes: number): Uint8Array
}

/**
 * A decoder for bytes. It may give more than it was asked for only up to `capacity`; the bytes are
 * its own, and valid until the next call.
 */
export type Inflate = (frame: Uint8Array, capacity: number) => Uint8Array

/** The text of UTF-8 bytes; undefined where they are none. */
export type TextOf = (bytes: Uint8Array) => string | undefined

/**
 * What all decoders have in common: they see no frame that was not checked, and whatever they throw
 * is a `FrameError`.
 */
export function dictionaryDecoder(
  name: DictionaryDecoder['name'],
  dictionaryId: number,
  inflate: Inflate,
  textOf: TextOf,
): DictionaryDecoder {
  const inflated = (frame: Uint8Array, maxBytes: number) =>
    read(inflate, frame, checkFrame(frame, dictionaryId, maxBytes))
  return {
    name,
    dictionaryId,
    inflate: inflated,
    decode(frame, maxBytes) {
      const text = textOf(inflated(frame, maxBytes))
      if (text === undefined) throw new FrameError('the content of the zstd frame is not UTF-8')
      return text
    },
  }
}

function read(inflate: Inflate, frame: Uint8Array, capacity: number): Uint8Array {
  try {
    return inflate(frame, capacity)
  } catch (error) {
    if (error instanceof StreamError) throw error
    throw new FrameError(`the zstd frame is corrupt: ${(error as Error).message}`, undefined, {
      cause: error,
    })
  }
}
