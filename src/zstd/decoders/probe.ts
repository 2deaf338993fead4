import { idOf } from '../dictionary/dictionary.js'
import type { Inflate } from './dictionary-decoder.js'

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
 * Whether `inflate` really uses the dictionary. A frame that says nothing but "the last 32 bytes of
 * the dictionary" cannot be read without it, and Node before 22.19 and 24.6 takes a `dictionary`
 * option and ignores it.
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
