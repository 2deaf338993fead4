import { FrameError, StreamError } from '../../errors.js'
import { checkDictionary, idOf } from '../dictionary/dictionary.js'
import { checkFrame } from '../frame/check-frame.js'

/**
 * Decodes zstd frames that were compressed with one dictionary. The dictionary is prepared once: a
 * decoder that loads it for each frame spends nine tenths of its time on that.
 */
export interface DictionaryDecoder {
  readonly name: 'wasm' | 'zlib' | 'napi'
  readonly dictionaryId: number
  /**
   * Returns the text of one whole frame (RFC 8878), at most `maxBytes` bytes of it. Throws
   * `FrameError` on anything else, before it allocates more than that. A bad frame does not affect
   * the next one.
   */
  decode(frame: Uint8Array, maxBytes: number): string
  /** Returns the content as bytes, not checked for UTF-8, and valid until the next frame. */
  inflate(frame: Uint8Array, maxBytes: number): Uint8Array
}

/**
 * Decompresses a frame to at most `capacity` bytes. They are in the decoder's own memory, and valid
 * until the next call.
 */
export type Inflate = (frame: Uint8Array, capacity: number) => Uint8Array

/** Returns the text of UTF-8 bytes, `undefined` if they are not UTF-8. */
export type DecodeUtf8 = (bytes: Uint8Array) => string | undefined

/**
 * What all decoders share: each frame is checked before they see it, and all that they throw
 * becomes a `FrameError`.
 */
export function dictionaryDecoder(
  name: DictionaryDecoder['name'],
  dictionaryId: number,
  inflate: Inflate,
  decodeUtf8: DecodeUtf8,
): DictionaryDecoder {
  const inflated = (frame: Uint8Array, maxBytes: number) =>
    read(inflate, frame, checkFrame(frame, dictionaryId, maxBytes))
  return {
    name,
    dictionaryId,
    inflate: inflated,
    decode(frame, maxBytes) {
      const text = decodeUtf8(inflated(frame, maxBytes))
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

// Servers change their dictionary now and then: only the decoders asked for last are kept.
const MOST = 8

type Make = (dictionary: Uint8Array) => Promise<DictionaryDecoder>

interface Made {
  readonly dictionary: Uint8Array
  readonly decoder: Promise<DictionaryDecoder>
}

/**
 * Makes one decoder for each dictionary of the process, shared by all streams. Rejects with
 * `DictionaryError` if the bytes are no dictionary.
 */
export function onePerDictionary(make: Make): Make {
  let all: readonly Made[] = []

  return async (dictionary) => {
    checkDictionary(dictionary)
    const known = all.find((made) => isSame(made.dictionary, dictionary))
    if (known !== undefined) return known.decoder
    // A copy: the caller may write over its bytes.
    const own = dictionary.slice()
    const made: Made = { dictionary: own, decoder: make(own) }
    all = [...all, made].slice(-MOST)
    // The next caller tries again.
    made.decoder.catch(() => {
      all = all.filter((other) => other !== made)
    })
    return made.decoder
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])

const COPIED_BYTES = 32
// RFC 8878, section by section: a single segment with a dictionary id of four bytes and a content
// size of one; its last block, compressed, of seven bytes; no literals; one sequence with
// run-length codes: nothing literal, offset code 5, match code 29 (32 bytes); the offset's bits (35
// - 3 = 32 back).
const BEFORE_ID = [0x28, 0xb5, 0x2f, 0xfd, 0b0010_0011]
const AFTER_ID = [
  COPIED_BYTES,
  0x3d,
  0x00,
  0x00,
  0x00,
  0x01,
  0b0101_0100,
  0x00,
  0x05,
  0x1d,
  0b10_0011,
]

/**
 * Whether `inflate` really uses the dictionary. Node before 22.19 and 24.6 accepts a `dictionary`
 * option and ignores it. The probe is a frame that only says "the last 32 bytes of the dictionary",
 * so it cannot be decoded without it.
 */
export function usesDictionary(inflate: Inflate, dictionary: Uint8Array): boolean {
  const wanted = dictionary.subarray(-COPIED_BYTES)
  try {
    const read = inflate(probeOf(dictionary), COPIED_BYTES)
    return read.length === wanted.length && wanted.every((byte, index) => byte === read[index])
  } catch {
    return false
  }
}

export function probeOf(dictionary: Uint8Array): Uint8Array {
  const id = idOf(dictionary)
  return Uint8Array.from([
    ...BEFORE_ID,
    ...[0, 8, 16, 24].map((shift) => (id >>> shift) & 255),
    ...AFTER_ID,
  ])
}
