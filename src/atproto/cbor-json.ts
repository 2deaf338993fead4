import { BytesWrapper } from '@atcute/cbor'
import {
  BoundsError,
  MAX_DEPTH,
  MAX_MEMBERS,
  TOO_DEEP,
  TOO_MANY,
} from '../internal/content-bounds.js'
import { internAscii } from '../internal/intern-ascii.js'
import { sliceUtf8 } from '../internal/slice-text.js'
import { base32Cid } from './base32.js'

const [UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG] = [0, 1, 2, 3, 4, 5, 6]
const LINK = 42
const MOST_INTERNED = 64

/**
 * Decodes DAG-CBOR to atproto JSON, as a Jetstream writes it: members in the order of their names,
 * links as `{ $link }`, bytes as `{ $bytes }`. Integers beyond 2^53 are rounded, as `JSON.parse`
 * does, and floats pass.
 */
class CborJson {
  #bytes: Uint8Array = new Uint8Array()
  #view: DataView = new DataView(new ArrayBuffer(0))
  #at = 0
  #end = 0
  #members = 0
  #hasSurrogates = false
  readonly #names = internAscii()

  decode(bytes: Uint8Array, from: number, to: number): unknown {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    }
    this.#at = from
    this.#end = to
    this.#members = 0
    this.#hasSurrogates = false
    const value = this.#value(0)
    if (this.#at !== to) throw new Error(`${to - this.#at} bytes follow the item`)
    return value
  }

  #value(depth: number): unknown {
    const head = this.#byte()
    const type = head >> 5
    switch (type) {
      case UNSIGNED:
        return this.#argument(head)
      case NEGATIVE:
        return this.#negative(head)
      case TEXT: {
        const from = this.#skip(this.#argument(head))
        return sliceUtf8(this.#bytes, from, this.#at)
      }
      case BYTES: {
        this.#open(depth, 1)
        const from = this.#skip(this.#argument(head))
        return { $bytes: new BytesWrapper(this.#bytes.subarray(from, this.#at)).$bytes }
      }
      case ARRAY:
        return this.#array(this.#argument(head), depth)
      case MAP:
        return this.#map(this.#argument(head), depth)
      case TAG:
        return this.#link(this.#argument(head), depth)
      default:
        return this.#simple(head & 31)
    }
  }

  #array(length: number, depth: number): unknown[] {
    this.#open(depth, length)
    const items: unknown[] = []
    for (let i = 0; i < length; i += 1) items.push(this.#value(depth + 1))
    return items
  }

  /** CBOR sorts names by length first, JSON by their bytes. */
  #map(size: number, depth: number): Record<string, unknown> {
    this.#open(depth, size)
    const names: string[] = []
    const values: unknown[] = []
    for (let i = 0; i < size; i += 1) {
      const name = this.#name()
      let to = i
      while (to > 0 && this.#isBefore(name, names[to - 1] as string)) {
        names[to] = names[to - 1] as string
        values[to] = values[to - 1]
        to -= 1
      }
      names[to] = name
      values[to] = undefined
      values[to] = this.#value(depth + 1)
    }
    const members: Record<string, unknown> = {}
    for (let i = 0; i < size; i += 1) setMember(members, names[i] as string, values[i])
    return members
  }

  #name(): string {
    const head = this.#byte()
    if (head >> 5 !== TEXT) throw new Error('a member has no name')
    const length = this.#argument(head)
    const from = this.#skip(length)
    if (length > 0 && length <= MOST_INTERNED && this.#isAscii(from))
      return this.#names(this.#bytes, from, this.#at)
    const name = sliceUtf8(this.#bytes, from, this.#at)
    this.#hasSurrogates ||= SURROGATE.test(name)
    return name
  }

  /** The order of UTF-8, in which surrogates are above every other unit. */
  #isBefore(one: string, other: string): boolean {
    return this.#hasSurrogates ? compareBytes(one, other) < 0 : one < other
  }

  #isAscii(from: number): boolean {
    for (let i = from; i < this.#at; i += 1) if ((this.#bytes[i] as number) > 0x7f) return false
    return true
  }

  #link(tag: number, depth: number): { $link: string } {
    const head = this.#byte()
    if (tag !== LINK || head >> 5 !== BYTES) throw new Error(`a tag is no link: ${tag}`)
    this.#open(depth, 1)
    const from = this.#skip(this.#argument(head))
    // A binary CID begins with a zero: the multibase prefix of no base.
    if (this.#bytes[from] !== 0) throw new Error('a link is no CID')
    return { $link: base32Cid(this.#bytes, from + 1, this.#at) }
  }

  #simple(value: number): unknown {
    switch (value) {
      case 20:
        return false
      case 21:
        return true
      case 22:
        return null
      case 26:
        return this.#finite(this.#view.getFloat32(this.#skip(4)))
      case 27:
        return this.#finite(this.#view.getFloat64(this.#skip(8)))
      default:
        throw new Error(`a simple value is unknown: ${value}`)
    }
  }

  #finite(value: number): number {
    if (!Number.isFinite(value)) throw new Error(`a float is not finite: ${value}`)
    return value
  }

  #negative(head: number): number {
    const at = this.#at
    const argument = this.#argument(head)
    return argument < Number.MAX_SAFE_INTEGER
      ? -1 - argument
      : Number(-1n - this.#view.getBigUint64(at))
  }

  #argument(head: number): number {
    const length = head & 31
    if (length < 24) return length
    switch (length) {
      case 24:
        return this.#byte()
      case 25:
        return this.#view.getUint16(this.#skip(2))
      case 26:
        return this.#view.getUint32(this.#skip(4))
      case 27: {
        const at = this.#skip(8)
        // One rounding: the high part is exact.
        return this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4)
      }
      default:
        throw new Error('an item has no length')
    }
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new Error('the bytes end too soon')
    return this.#bytes[this.#at++] as number
  }

  /** Skips bytes, and returns where they begin. */
  #skip(length: number): number {
    const from = this.#at
    if (length > this.#end - from) throw new Error('the bytes end too soon')
    this.#at = from + length
    return from
  }

  #open(depth: number, members: number): void {
    if (depth >= MAX_DEPTH) throw new BoundsError(TOO_DEEP)
    this.#members += members
    if (this.#members > MAX_MEMBERS) throw new BoundsError(TOO_MANY)
    // Each item takes a byte: nothing is allocated for what cannot follow.
    if (members > this.#end - this.#at + 1) throw new Error('the bytes end too soon')
  }
}

const SURROGATE = /[\ud800-\udfff]/
const encoder = new TextEncoder()

function compareBytes(one: string, other: string): number {
  const [a, b] = [encoder.encode(one), encoder.encode(other)]
  const at = a.findIndex((byte, index) => byte !== b[index])
  return at < 0 ? a.length - b.length : (a[at] as number) - (b[at] ?? -1)
}

/** An assignment of `__proto__` would set the prototype. */
function setMember(members: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') members[name] = value
  else
    Object.defineProperty(members, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
}

const shared = new CborJson()

/**
 * Decodes the one item from `from` to `to` of {@link sliceable} bytes to atproto JSON. Throws
 * {@link BoundsError} for content beyond the bounds, and an `Error` that says what is wrong.
 */
export const cborToJson = (bytes: Uint8Array, from: number, to: number): unknown =>
  shared.decode(bytes, from, to)
