import { fromUint8Array } from '@atcute/car'
import { CidLinkWrapper } from '@atcute/cbor'
import { CborSkimmer } from './cbor-skimmer.js'
import { expected, LINK } from './shape-reader.js'

/** The lexicon's bound on the block section of a commit. */
export const MAX_BLOCKS_BYTES = 2_000_000

const CID_BYTES = 36

/**
 * The block section of a message: a CAR, read once. If it is damaged, the blocks before the damage
 * are still available.
 */
export class Blocks {
  /** The CID of the first root, if the header could be read. */
  readonly root: Uint8Array | undefined
  /** Whether the whole section could be read. */
  readonly whole: boolean = false
  readonly #section: Uint8Array
  // Where each CID begins, and where the block after it ends.
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  // The index of a block by the beginning of its hash.
  readonly #indexes = new Map<number, number>()
  // Blocks whose number another block has: by chance once in 2^30.
  readonly #others: number[] = []

  constructor(section: Uint8Array) {
    this.#section = section
    try {
      this.root = usualRoot(section)
      // A section that is unusual, or damaged, is read again. A block may be added twice.
      this.whole = this.root !== undefined && this.#addUsual()
      if (this.whole) return
      checkHeader(section)
      const car = fromUint8Array(section)
      const [root] = car.roots
      if (root instanceof CidLinkWrapper) this.root = root.bytes
      for (const { cidStart, bytesEnd } of car) this.#add(cidStart, bytesEnd)
      this.whole = true
    } catch {
      // `whole` stays false. The reader throws if the bytes end too soon, or are no CAR.
    }
  }

  get(cid: Uint8Array): Uint8Array | undefined {
    const index = this.#indexes.get(numberOf(cid, 0))
    if (index === undefined) return undefined
    if (this.#hasCid(index, cid, 0)) return this.#block(index)
    const other = this.#others.find((one) => this.#hasCid(one, cid, 0))
    return other === undefined ? undefined : this.#block(other)
  }

  /** Adds blocks whose lengths and CIDs are as servers write them. Returns whether all are. */
  #addUsual(): boolean {
    const section = this.#section
    let at = USUAL_HEADER_BYTES
    while (at < section.length) {
      let length = section[at++] as number
      for (let unit = 0x80; length >= unit; unit *= 0x80) {
        if (unit > MAX_UNIT) return false
        length += ((section[at++] as number) - 1) * unit
      }
      const end = at + length
      // NaN, behind the end of the bytes, is no length either.
      if (!(length >= CID_BYTES && end <= section.length) || !isAt(CID_HEAD, section, at))
        return false
      this.#add(at, end)
      at = end
    }
    return true
  }

  #add(start: number, end: number): void {
    const index = this.#starts.push(start) - 1
    this.#ends.push(end)
    const number = numberOf(this.#section, start)
    const known = this.#indexes.get(number)
    if (known === undefined || this.#hasCid(known, this.#section, start))
      this.#indexes.set(number, index)
    else this.#others.push(index)
  }

  /** Whether a block has the CID that is in `bytes` at `from`. */
  #hasCid(index: number, bytes: Uint8Array, from: number): boolean {
    const start = this.#starts[index] as number
    for (let i = 0; i < CID_BYTES; i += 1)
      if (this.#section[start + i] !== bytes[from + i]) return false
    return true
  }

  #block(index: number): Uint8Array {
    return this.#section.subarray((this.#starts[index] as number) + CID_BYTES, this.#ends[index])
  }
}

// The length of a block takes three bytes at most.
const MAX_UNIT = 0x80 * 0x80

// The CID of a link follows its first five bytes; the hash in it follows four.
const CID_HEAD = LINK.subarray(5)

// `{ roots: [link], version: 1 }`, after its length.
const BEFORE_ROOT = Uint8Array.of(58, 0xa2, ...expected('roots'), 0x81, ...LINK.subarray(0, 5))
const AFTER_ROOT = Uint8Array.of(...expected('version'), 1)
const ROOT_END = BEFORE_ROOT.length + CID_BYTES
const USUAL_HEADER_BYTES = ROOT_END + AFTER_ROOT.length

/** The root in a header of the usual shape. */
function usualRoot(section: Uint8Array): Uint8Array | undefined {
  const isUsual =
    isAt(BEFORE_ROOT, section, 0) &&
    isAt(CID_HEAD, section, BEFORE_ROOT.length) &&
    isAt(AFTER_ROOT, section, ROOT_END)
  return isUsual ? section.subarray(BEFORE_ROOT.length, ROOT_END) : undefined
}

function isAt(wanted: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < wanted.length; i += 1) if (bytes[at + i] !== wanted[i]) return false
  return true
}

/** The reader decodes the whole header, so that it needs the bounds of strangers' content. */
function checkHeader(section: Uint8Array): void {
  let at = 0
  // A length of seven bits a byte, which the reader checks.
  while ((section[at] as number) >= 0x80) at += 1
  new CborSkimmer(section, at + 1).skip()
}

// The beginning of the hash, which follows the CID's head of four bytes. As a key a small number
// costs a third of a string.
const numberOf = (cid: Uint8Array, at: number): number =>
  ((cid[at + 4] as number) << 22) |
  ((cid[at + 5] as number) << 14) |
  ((cid[at + 6] as number) << 6) |
  ((cid[at + 7] as number) >> 2)

/** Whether two CIDs are equal. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false
  return true
}
