import {
  BoundsError,
  MAX_DEPTH,
  MAX_MEMBERS,
  TOO_DEEP,
  TOO_MANY,
} from '../internal/content-bounds.js'

/** The major types of RFC 8949 section 3.1 that matter to who does not decode. */
const UNSIGNED = 0
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6
const SIMPLE = 7
const FALSE = 20

// Names, paths and times are short; what is not is read by a decoder.
const MAX_ASCII = 1000

// How many items each array or map that is open still waits for. Shared by all, since nothing runs
// in between.
const waiting = new Float64Array(MAX_DEPTH + 1)

/**
 * Goes over CBOR by the heads of its items: where they end, how deep they are. Nothing is decoded.
 */
export class CborSkimmer {
  type = 0
  /** A number's value, or how many bytes or items follow. */
  argument = 0
  /** How many members and items were met. */
  members = 0
  // Where the name of the member at hand stands.
  #name = 0
  #nameLength = 0

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

  /**
   * Passes over an item and all that is in it. Returns false where the bytes end first. Throws
   * {@link BoundsError} on what is beyond the bounds on content, as its JSON would be.
   */
  skip(): boolean {
    let depth = 0
    waiting[0] = 1
    while (this.read()) {
      const { type, argument } = this
      if (type === TEXT) this.at += argument
      // What is tagged follows, and it is that which counts.
      else if (type === TAG) continue
      else if (type === MAP || type === ARRAY || type === BYTES) {
        if (depth === MAX_DEPTH) throw new BoundsError(TOO_DEEP)
        // The JSON of bytes, and of a link, is an object of one member.
        this.#count(type === BYTES ? 1 : argument)
        if (type === BYTES) this.at += argument
        else if (argument > 0) {
          depth += 1
          waiting[depth] = type === MAP ? argument * 2 : argument
          continue
        }
      }
      while (ends(depth)) {
        if (depth === 0) return this.at <= this.bytes.length
        depth -= 1
      }
    }
    return false
  }

  /** The same without bounds and at no cost in memory: how many items are left is one number. */
  passOver(): boolean {
    for (let left = 1; left > 0; left -= 1) {
      do if (!this.read()) return false
      while (this.type === TAG)
      if (this.type === BYTES || this.type === TEXT) this.at += this.argument
      else if (this.type === ARRAY) left += this.argument
      else if (this.type === MAP) left += this.argument * 2
    }
    return this.at <= this.bytes.length
  }

  /**
   * Passes over a map; `take` passes over the value of each member, whose name {@link nameIs}
   * tells. False where `take` once was, or the map is none.
   */
  eachMember(take: () => boolean): boolean {
    if (!this.#opens(MAP)) return false
    this.#count(this.argument)
    for (let left = this.argument; left > 0; left -= 1) {
      if (!this.#opens(TEXT)) return false
      this.#name = this.at
      this.#nameLength = this.argument
      this.at += this.argument
      if (!take()) return false
    }
    return true
  }

  /** Passes over an array; `take` passes over each item. */
  eachItem(take: () => boolean): boolean {
    if (!this.#opens(ARRAY)) return false
    this.#count(this.argument)
    for (let left = this.argument; left > 0; left -= 1) if (!take()) return false
    return true
  }

  /** Whether the member at hand has this name. */
  nameIs(ascii: string): boolean {
    if (this.#nameLength !== ascii.length) return false
    for (let i = 0; i < ascii.length; i += 1)
      if (this.bytes[this.#name + i] !== ascii.charCodeAt(i)) return false
    return true
  }

  /** Reads a text that is ASCII, and not long. */
  readAscii(): string | undefined {
    return this.passAscii() ? ascii(this.bytes, this.at - this.argument, this.at) : undefined
  }

  /**
   * Passes over such a text, of which {@link argument} is the length. Answers whether it was one.
   */
  passAscii(): boolean {
    if (
      !this.#opens(TEXT) ||
      this.argument > MAX_ASCII ||
      this.at + this.argument > this.bytes.length
    )
      return false
    for (const end = this.at + this.argument; this.at < end; this.at += 1)
      if ((this.bytes[this.at] as number) > 127) return false
    return true
  }

  /** Reads a whole number that is not negative. */
  readNumber(): number | undefined {
    return this.#opens(UNSIGNED) ? this.argument : undefined
  }

  /** Reads `false`; answers whether it was. */
  readFalse(): boolean {
    return this.#opens(SIMPLE) && this.argument === FALSE
  }

  #count(members: number): void {
    this.members += members
    if (this.members > MAX_MEMBERS) throw new BoundsError(TOO_MANY)
  }

  #opens(type: number): boolean {
    return this.read() && this.type === type
  }

  #readArgument(info: number): boolean {
    const size = info > 27 ? Number.POSITIVE_INFINITY : 1 << (info - 24)
    if (this.at + size > this.bytes.length) return false
    this.argument = 0
    for (const end = this.at + size; this.at < end; this.at += 1)
      this.argument = this.argument * 256 + (this.bytes[this.at] as number)
    return true
  }
}

/** One item of this level is over: whether it was the last. */
function ends(depth: number): boolean {
  const left = (waiting[depth] as number) - 1
  waiting[depth] = left
  return left === 0
}

/**
 * The text of bytes that are ASCII. Four at a time: each piece costs as much as the making of a
 * string.
 */
function ascii(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  let at = from
  for (; at + 4 <= to; at += 4)
    text += String.fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
    )
  for (; at < to; at += 1) text += String.fromCharCode(bytes[at] as number)
  return text
}
