import { sliceable } from '../internal/slice-text.js'

const [BYTES, TEXT] = [2, 3]
const [FALSE, TRUE, NULL] = [0xf4, 0xf5, 0xf6]

/** Tag 42, 37 bytes, a zero; then a CID: version 1, DAG-CBOR, SHA-256, 32 bytes. */
export const LINK = Uint8Array.of(0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x71, 0x12, 0x20)
const CID_FROM = 5
const HASH_BYTES = 32
export const CID_BYTES = LINK.length - CID_FROM + HASH_BYTES

// What is longer is left to the decoder.
const MAX_ASCII = 1000

/** A part of a frame. */
export interface Span {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
}

/** Bytes that a {@link ShapeReader} may expect: a name of a member, say. */
export const expected = (name: string): Uint8Array =>
  Uint8Array.of((TEXT << 5) | name.length, ...Array.from(name, (letter) => letter.charCodeAt(0)))

/**
 * Reads DAG-CBOR of a known shape from left to right, without building what is not asked for. It is
 * as strict as the decoder: what it does not expect, or is not in the shortest form, makes
 * `isUsual` false, and the caller decodes the bytes instead. Nothing throws. Bytes that end too
 * soon show in `isAtEnd`.
 */
export class ShapeReader {
  at = 0
  isUsual = true
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = sliceable(bytes)
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length
  }

  /** Passes these bytes, if they are next. */
  passes(next: Uint8Array): boolean {
    const { bytes, at } = this
    const { length } = next
    for (let i = 0; i < length; i += 1) if (bytes[at + i] !== next[i]) return false
    this.at = at + length
    return true
  }

  /** Passes these bytes, which must be next. */
  pass(next: Uint8Array): void {
    if (!this.passes(next)) this.#unusual()
  }

  /** Reads a head of this major type: its number, or how many bytes or items follow. */
  head(type: number): number {
    const first = this.bytes[this.at] as number
    if (first >> 5 !== type) return this.#unusual()
    this.at += 1
    const info = first & 31
    return info < 24 ? info : this.#argument(info)
  }

  /** Passes a text of ASCII. Returns where its letters begin; it ends where the reader is. */
  passText(): number {
    const length = this.head(TEXT)
    const from = this.at
    const to = from + length
    this.at = to
    if (length > MAX_ASCII || !isAscii(this.bytes, from, to)) this.#unusual()
    return from
  }

  /** Passes a byte string. Returns where its bytes begin; it ends where the reader is. */
  passBytes(): number {
    const length = this.head(BYTES)
    const from = this.at
    this.at += length
    return from
  }

  /** Passes a link. Returns where its CID begins, which is {@link CID_BYTES} long. */
  passLink(): number {
    const from = this.at + CID_FROM
    this.pass(LINK)
    this.at += HASH_BYTES
    return from
  }

  /** Returns -1 for a `null`. */
  passLinkOrNull(): number {
    return this.isNull() ? -1 : this.passLink()
  }

  /** Passes a `null`, if it is next. */
  isNull(): boolean {
    const isNull = this.bytes[this.at] === NULL
    if (isNull) this.at += 1
    return isNull
  }

  boolean(): boolean {
    const value = this.bytes[this.at]
    if (value !== FALSE && value !== TRUE) this.#unusual()
    this.at += 1
    return value === TRUE
  }

  #unusual(): number {
    this.isUsual = false
    return 0
  }

  #argument(info: number): number {
    const size = 1 << (info - 24)
    if (info > 27) return this.#unusual()
    let argument = 0
    for (const end = this.at + size; this.at < end; this.at += 1)
      argument = argument * 256 + (this.bytes[this.at] as number)
    // NaN, behind the end of the bytes, is no safe integer either.
    return argument >= (SHORTEST[info - 24] as number) && Number.isSafeInteger(argument)
      ? argument
      : this.#unusual()
  }
}

/** Has no branch for each byte. What is after the end of the bytes adds nothing. */
function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  let bits = 0
  for (let at = from; at < to; at += 1) bits |= bytes[at] as number
  return bits < 0x80
}

/** The least argument that needs 1, 2, 4 or 8 bytes. */
const SHORTEST = [24, 0x1_00, 0x1_00_00, 0x1_00_00_00_00]
