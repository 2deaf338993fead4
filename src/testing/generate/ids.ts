import { integer, pick } from './random.js'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const SORTABLE = '234567abcdefghijklmnopqrstuvwxyz'

/**
 * Two characters for every ten bits: a table is ten times faster than a division for each
 * character.
 */
const pairsOf = (alphabet: string): readonly string[] =>
  Array.from({ length: 1024 }, (_, n) => `${alphabet[n >> 5]}${alphabet[n & 31]}`)
const PAIRS = pairsOf(BASE32)
const SORTABLE_PAIRS = pairsOf(SORTABLE)

function characters(next: () => number, pairs: number): string {
  let text = ''
  for (let left = pairs; left > 0; left -= 3) {
    const bits = integer(next, 0x4000_0000)
    text += PAIRS[bits & 1023]
    if (left > 1) text += PAIRS[(bits >> 10) & 1023]
    if (left > 2) text += PAIRS[bits >> 20]
  }
  return text
}

/** A `did:plc` with 24 characters of base32. */
export const generateDid = (next: () => number): string => `did:plc:${characters(next, 12)}`

/**
 * The 59 characters of a CIDv1 of a dag-cbor block: 32 bytes of hash leave three bits at each end
 * of the text.
 */
export const generateCid = (next: () => number): string =>
  `bafyrei${BASE32[integer(next, 8)]}${characters(next, 25)}${pick(next, [...'aeimquy4'])}`

/** Like {@link generateCid}, but of a blob (codec raw). */
export const generateBlobCid = (next: () => number): string =>
  `bafkrei${generateCid(next).slice(7)}`

/** The TID of a time in microseconds and a clock id below 1024. */
export function tid(timeUs: number, clock: number): string {
  const high = thirtyBits(Math.floor(timeUs / 0x4000_0000))
  return high.slice(1) + thirtyBits(timeUs % 0x4000_0000) + SORTABLE_PAIRS[clock]
}

/** Six characters, two for every ten bits. */
const thirtyBits = (n: number): string =>
  `${SORTABLE_PAIRS[n >> 20]}${SORTABLE_PAIRS[(n >> 10) & 1023]}${SORTABLE_PAIRS[n & 1023]}`
