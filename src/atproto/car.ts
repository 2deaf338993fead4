import { type CarEntry, fromUint8Array } from '@atcute/car'
import { CidLinkWrapper } from '@atcute/cbor'
import { CborSkimmer } from './cbor-skimmer.js'

/** The lexicon's bound on the block section of a commit. */
export const MAX_BLOCKS_BYTES = 2_000_000

/**
 * The block section of a message: a CAR, read once. If it is damaged, the blocks before the damage
 * are still available.
 */
export class Blocks {
  /** The CID of the first root, if the header could be read. */
  readonly root: Uint8Array | undefined
  /** Whether the whole section could be read. */
  readonly whole: boolean = false
  readonly #blocks = new Map<number, CarEntry>()
  // Blocks whose number another block has: by chance once in 2^48.
  readonly #others: CarEntry[] = []

  constructor(section: Uint8Array) {
    try {
      checkHeader(section)
      const car = fromUint8Array(section)
      const [root] = car.roots
      if (root instanceof CidLinkWrapper) this.root = root.bytes
      for (const entry of car) this.#add(entry)
      this.whole = true
    } catch {
      // `whole` stays false. The reader throws if the bytes end too soon, or are no CAR.
    }
  }

  get(cid: Uint8Array): Uint8Array | undefined {
    const found = this.#blocks.get(numberOf(cid))
    if (found === undefined || isSame(found.cid.bytes, cid)) return found?.bytes
    return this.#others.find((entry) => isSame(entry.cid.bytes, cid))?.bytes
  }

  #add(entry: CarEntry): void {
    const number = numberOf(entry.cid.bytes)
    const known = this.#blocks.get(number)
    if (known === undefined || isSame(known.cid.bytes, entry.cid.bytes))
      this.#blocks.set(number, entry)
    else this.#others.push(entry)
  }
}

/** The reader decodes the whole header, so that it needs the bounds of strangers' content. */
function checkHeader(section: Uint8Array): void {
  let at = 0
  // A length of seven bits a byte, which the reader checks.
  while ((section[at] as number) >= 0x80) at += 1
  new CborSkimmer(section, at + 1).skip()
}

// The beginning of the hash, which follows the CID's head of four bytes. As a key a number costs a
// third of a string.
const numberOf = (cid: Uint8Array): number => 0x1000000 * threeBytes(cid, 4) + threeBytes(cid, 7)

const threeBytes = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)

/** Whether two CIDs are equal. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false
  return true
}
