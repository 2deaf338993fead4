import type { SliceableBytes, TextBytes } from '../../socket/text-bytes.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d

// Four bytes at once: a step over a word costs what a step over a byte does.
const QUOTES = 0x22222222
const BACKSLASHES = 0x5c5c5c5c
const SPACES = 0x20202020
const ONES = 0x01010101
const HIGH_BITS = 0x80808080 | 0

/** Flags the bytes of a word that are 0: of the flags the lowest is exact. */
const zeros = (word: number): number => (word - ONES) & ~word & HIGH_BITS

/** Where the lowest flag stands. */
const firstOf = (flags: number): number => (31 - Math.clz32(flags & -flags)) >> 3

/** Bytes that a frame must have at a place: four at least. */
export class Literal {
  readonly length: number
  // The last word overlaps the one before it, so that no byte is left.
  readonly words: Int32Array

  constructor(readonly text: string) {
    const bytes = new TextEncoder().encode(text)
    const view = new DataView(bytes.buffer)
    this.length = bytes.length
    this.words = Int32Array.from({ length: Math.ceil(bytes.length / 4) }, (_, i) => view.getInt32(Math.min(i * 4, bytes.length - 4), true))
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
const NOTHING = new Uint8Array() as SliceableBytes

/** Walks over JSON as its writer wrote it. Each step says whether it found what it looked for; where one did not, the walk is over. */
export class ByteReader {
  at = 0
  end = 0
  /** The last string or number: from where to where. */
  from = 0
  to = 0
  /** Whether a byte of a record was not ASCII. */
  isAscii = true
  private bytes: SliceableBytes = NOTHING
  private view = viewOf(NOTHING)

  start({ chunk, from, to }: TextBytes): void {
    // A hundred messages share a chunk.
    if (this.bytes !== chunk) {
      this.bytes = chunk
      this.view = viewOf(chunk)
    }
    this.at = from
    this.end = to
    this.isAscii = true
  }

  literal(literal: Literal): boolean {
    const { length } = literal
    if (this.at + length > this.end || !this.isAt(this.at, literal)) return false
    this.at += length
    return true
  }

  isAt(at: number, { words, length }: Literal): boolean {
    const last = words.length - 1
    for (let i = 0; i < last; i += 1) if (this.view.getInt32(at + i * 4, true) !== words[i]) return false
    return this.view.getInt32(at + length - 4, true) === words[last]
  }

  /** The text of the last string or number. A copy, which keeps nothing else in memory. */
  text(): string {
    const { bytes, from, to } = this
    if (to - from === 13) return thirteen(bytes, from)
    if (to - from === 32) return thirtyTwo(bytes, from)
    return bytes.latin1Slice(from, to)
  }

  /** The last four bytes of the last string, as a number. */
  get lastWord(): number {
    return this.view.getInt32(this.to - 4, true)
  }

  byte(byte: number): boolean {
    if (this.bytes[this.at] !== byte || this.at >= this.end) return false
    this.at += 1
    return true
  }

  /** The rest of a string whose opening quote is behind us, with its closing one. Printable ASCII without an escape, or none. */
  string(): boolean {
    const view = this.view
    let at = this.at
    this.from = at
    for (; at + 4 <= this.end; at += 4) {
      const word = view.getInt32(at, true)
      const special = (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | ((word - SPACES) & ~word) | word) & HIGH_BITS
      if (special !== 0) return this.#closes(at + firstOf(special))
    }
    while (at < this.end && isPlain(this.bytes[at] as number)) at += 1
    return this.#closes(at)
  }

  /** Digits that are a safe whole number above 0. */
  digits(): number {
    const { bytes } = this
    let value = 0
    let at = this.at
    this.from = at
    for (; at < this.end; at += 1) {
      const digit = (bytes[at] as number) - 0x30
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const isPlain = at > this.at && at - this.at <= 16 && bytes[this.at] !== 0x30
    this.at = at
    this.to = at
    return isPlain && Number.isSafeInteger(value) ? value : 0
  }

  /** An object up to the brace that closes it. What is within is balanced, and else not looked at. */
  object(): boolean {
    const { bytes, view, end } = this
    const lastWord = end - 4
    let at = this.at
    let depth = 0
    let seen = 0
    this.from = at
    if (bytes[at] !== OPEN_OBJECT) return false
    while (at < end) {
      const byte = bytes[at++] as number
      if (byte === QUOTE) {
        // To the quote that ends the string. An object is closed behind each, and a frame behind its record: there is a word to read up to the last.
        for (;;) {
          if (at > lastWord) return false
          const word = view.getInt32(at, true)
          const special = (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES)) & HIGH_BITS
          seen |= word
          if (special === 0) {
            at += 4
            continue
          }
          at += firstOf(special)
          if (bytes[at++] === QUOTE) break
          // What is escaped may lie behind the word.
          seen |= bytes[at++] as number
        }
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth -= 1
        if (depth === 0) return this.#found(at, seen)
      } else seen |= byte
    }
    return false
  }

  /** Whether nothing follows but white space. */
  isOver(): boolean {
    while (this.at < this.end && isSpace(this.bytes[this.at] as number)) this.at += 1
    return this.at === this.end
  }

  #closes(at: number): boolean {
    this.to = at
    this.at = at + 1
    return at < this.end && this.bytes[at] === QUOTE
  }

  #found(at: number, seen: number): boolean {
    this.at = at
    this.to = at
    this.isAscii = (seen & HIGH_BITS) === 0
    return true
  }
}

const isPlain = (byte: number): boolean => byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH

// RFC 8259 section 2.
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

// A TID, and a `did:plc`: nearly all there is. A call into the machine costs thrice what these cost.
const thirteen = (b: Uint8Array, i: number): string =>
  // biome-ignore format: a row for a row
  String.fromCharCode(
    b[i] as number, b[i + 1] as number, b[i + 2] as number, b[i + 3] as number, b[i + 4] as number, b[i + 5] as number, b[i + 6] as number,
    b[i + 7] as number, b[i + 8] as number, b[i + 9] as number, b[i + 10] as number, b[i + 11] as number, b[i + 12] as number,
  )

const thirtyTwo = (b: Uint8Array, i: number): string =>
  // biome-ignore format: a row for a row
  String.fromCharCode(
    b[i] as number, b[i + 1] as number, b[i + 2] as number, b[i + 3] as number, b[i + 4] as number, b[i + 5] as number, b[i + 6] as number,
    b[i + 7] as number, b[i + 8] as number, b[i + 9] as number, b[i + 10] as number, b[i + 11] as number, b[i + 12] as number,
    b[i + 13] as number, b[i + 14] as number, b[i + 15] as number, b[i + 16] as number, b[i + 17] as number, b[i + 18] as number,
    b[i + 19] as number, b[i + 20] as number, b[i + 21] as number, b[i + 22] as number, b[i + 23] as number, b[i + 24] as number,
    b[i + 25] as number, b[i + 26] as number, b[i + 27] as number, b[i + 28] as number, b[i + 29] as number, b[i + 30] as number,
    b[i + 31] as number,
  )
