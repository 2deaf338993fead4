import { sliceAscii, sliceable } from '../internal/slice-text.js'

const ALPHABET = Uint8Array.from('abcdefghijklmnopqrstuvwxyz234567', (letter) =>
  letter.charCodeAt(0),
)
const BITS = 5
const MULTIBASE = 0x62

let text = sliceable(new Uint8Array(64))

/** The text of a binary CID: base32 in lower case without padding, after the prefix `b`. */
export function base32Cid(bytes: Uint8Array, from: number, to: number): string {
  const length = 1 + Math.ceil(((to - from) * 8) / BITS)
  if (text.length < length) text = sliceable(new Uint8Array(length))
  text[0] = MULTIBASE
  let at = 1
  let i = from
  // Five bytes are eight letters.
  for (; i + 5 <= to; i += 5) {
    const third = bytes[i + 2] as number
    const high = ((bytes[i] as number) << 12) | ((bytes[i + 1] as number) << 4) | (third >> 4)
    const low = ((third & 15) << 16) | ((bytes[i + 3] as number) << 8) | (bytes[i + 4] as number)
    put(high, at)
    put(low, at + 4)
    at += 8
  }
  let bits = 0
  let count = 0
  for (; i < to; i += 1) {
    bits = ((bits & 31) << 8) | (bytes[i] as number)
    count += 8
    while (count >= BITS) {
      count -= BITS
      text[at++] = ALPHABET[(bits >> count) & 31] as number
    }
  }
  if (count > 0) text[at++] = ALPHABET[(bits << (BITS - count)) & 31] as number
  return sliceAscii(text, 0, at)
}

/** Writes 20 bits as four letters. */
function put(bits: number, at: number): void {
  text[at] = ALPHABET[bits >> 15] as number
  text[at + 1] = ALPHABET[(bits >> 10) & 31] as number
  text[at + 2] = ALPHABET[(bits >> 5) & 31] as number
  text[at + 3] = ALPHABET[bits & 31] as number
}
