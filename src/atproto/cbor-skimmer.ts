import {
  BoundsError,
  MAX_DEPTH,
  MAX_MEMBERS,
  TOO_DEEP,
  TOO_MANY,
} from '../internal/content-bounds.js'

/** The major types of RFC 8949 section 3.1 that matter without decoding. */
const UNSIGNED = 0
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6
const SIMPLE = 7
const FALSE = 20

// Names, paths and times are short. Longer texts are left to a decoder.
const MAX_ASCII = 1000

// How many items each open array or map still has to come. Shared by all skimmers, since `skip`
// calls no other code.
const waiting = new Float64Array(MAX_DEPTH + 1)

/** Reads the heads of CBOR items, where they end and how deep they are. Nothing is decoded. */
export class CborSkimmer {
  type = 0
  /** A number's value, or how many bytes or items follow. */
  argument = 0
  /** How many members and items were seen. */
  members = 0
  // The position of the current member's name.
  #name = 0
  #nameLength = 0

  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  /** Reads one head. Returns false if there is none, or one that DAG-CBOR does not have. */
  read(): boolean {
    const first = this.bytes[this.at]
    if (first === undefined) return false
    this.at += 1
    this.type = first >> 5
    this.argument = first & 31
    return this.argument < 24 || this.#readArgument(this.argument)
  }

  /**
   * Skips an item with all that is in it. Returns false if the bytes end first. Throws
   * {@link BoundsError} if its JSON would be beyond the bounds on content.
   */
  skip(): boolean {
    let depth = 0
    waiting[0] = 1
    while (this.read()) {
      const { type, argument } = this
      if (type === TEXT) this.at += argument
      // The tagged item follows, and is the one to count.
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

  /** Skips an item without checking bounds: it only counts how many items are left. */
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
   * Skips a map, calling `take` to skip each value; its name is available through {@link nameIs}.
   * Returns false if `take` did, or if this is not a map.
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

  /** Skips an array, calling `take` to skip each item. */
  eachItem(take: () => boolean): boolean {
    if (!this.#opens(ARRAY)) return false
    this.#count(this.argument)
    for (let left = this.argument; left > 0; left -= 1) if (!take()) return false
    return true
  }

  /** Whether the current member has this name. */
  nameIs(ascii: string): boolean {
    if (this.#nameLength !== ascii.length) return false
    for (let i = 0; i < ascii.length; i += 1)
      if (this.bytes[this.#name + i] !== ascii.charCodeAt(i)) return false
    return true
  }

  /** Reads a text; returns `undefined` if it is not ASCII, or too long. */
  readAscii(): string | undefined {
    return this.passAscii() ? ascii(this.bytes, this.at - this.argument, this.at) : undefined
  }

  /** Skips such a text, and returns whether it was one. {@link argument} is its length. */
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

  /** Reads an unsigned integer. */
  readNumber(): number | undefined {
    return this.#opens(UNSIGNED) ? this.argument : undefined
  }

  /** Reads an item, and returns whether it was `false`. */
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

/** Counts the end of one item at this depth. Returns whether it was the last. */
function ends(depth: number): boolean {
  const left = (waiting[depth] as number) - 1
  waiting[depth] = left
  return left === 0
}

/**
 * The text of bytes that are ASCII. Four at a time, since each piece costs the creation of a
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
