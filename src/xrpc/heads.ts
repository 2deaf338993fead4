/**
 * How deep an item may be. Records are a few levels deep; within this bound nothing that walks a value can overflow the stack, here or in the program
 * behind us.
 */
export const MAX_DEPTH = 64

/** The major types of RFC 8949 section 3.1 that matter to who does not decode. */
export const UNSIGNED = 0
const BYTES = 2
export const TEXT = 3
const ARRAY = 4
export const MAP = 5
const TAG = 6

// How many items each array or map that is open still waits for. Shared by all, since nothing runs in between.
const waiting = new Float64Array(MAX_DEPTH + 1)

/** Goes over CBOR by the heads of its items: where they end, how deep they are. Nothing is decoded. */
export class Heads {
  type = 0
  /** A number's value, or how many bytes or items follow. */
  argument = 0

  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  /** Reads one head. False where there is none, or one that DAG-CBOR does not have. */
  read(): boolean {
    const first = this.bytes[this.at]
    if (first === undefined) return false
    this.at += 1
    this.type = first >> 5
    this.argument = first & 31
    return this.argument < 24 || this.#readArgument(this.argument)
  }

  /** Passes over an item and all that is in it. False where the bytes end first. Throws on what is deeper than {@link MAX_DEPTH}. */
  skip(): boolean {
    let depth = 0
    waiting[0] = 1
    while (this.read()) {
      if (this.type === BYTES || this.type === TEXT) this.at += this.argument
      // What is tagged follows, and it is that which counts.
      else if (this.type === TAG) continue
      else if ((this.type === ARRAY || this.type === MAP) && this.argument > 0) {
        if (depth === MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels deep`)
        depth += 1
        waiting[depth] = this.type === MAP ? this.argument * 2 : this.argument
        continue
      }
      while (ends(depth)) {
        if (depth === 0) return this.at <= this.bytes.length
        depth -= 1
      }
    }
    return false
  }

  #readArgument(info: number): boolean {
    const size = info > 27 ? Number.POSITIVE_INFINITY : 1 << (info - 24)
    if (this.at + size > this.bytes.length) return false
    this.argument = 0
    for (const end = this.at + size; this.at < end; this.at += 1) this.argument = this.argument * 256 + (this.bytes[this.at] as number)
    return true
  }
}

/** One item of this level is over: whether it was the last. */
function ends(depth: number): boolean {
  const left = (waiting[depth] as number) - 1
  waiting[depth] = left
  return left === 0
}

/** The value of a member of the map at `at`, found past members that cannot be decoded: its head is the one read last. */
export function memberOf(bytes: Uint8Array, at: number, name: string): Heads | undefined {
  const heads = new Heads(bytes, at)
  if (!opens(heads, MAP)) return undefined
  for (let left = heads.argument; left > 0; left -= 1) {
    if (!opens(heads, TEXT)) return undefined
    const isIt = isText(heads, name)
    heads.at += heads.argument
    if (isIt) return heads.read() ? heads : undefined
    if (!heads.skip()) return undefined
  }
  return undefined
}

const opens = (heads: Heads, type: number): boolean => heads.read() && heads.type === type

function isText({ bytes, at, argument }: Heads, ascii: string): boolean {
  if (argument !== ascii.length) return false
  for (let i = 0; i < argument; i += 1) if (bytes[at + i] !== ascii.charCodeAt(i)) return false
  return true
}
