import type { Frame } from './frame.js'

/** A Node buffer: what its `toString` calls, after it has looked the encoding up. */
export interface SliceableBytes extends Uint8Array {
  latin1Slice(from: number, to: number): string
  utf8Slice(from: number, to: number): string
}

/**
 * A text message that nobody has decoded: to be read in the call that brings it, since the next one
 * comes into the same memory.
 */
export class TextBytes {
  constructor(
    readonly chunk: SliceableBytes,
    readonly from: number,
    readonly to: number,
  ) {}

  /** The text, or its bytes where they are not UTF-8. */
  toFrame(): Frame {
    return textFrame(this.chunk, this.from, this.to)
  }
}

/** The text, or its bytes where they are not UTF-8. */
export const textFrame = (chunk: SliceableBytes, from: number, to: number): Frame =>
  decodeText(chunk, from, to) ?? copyOf(chunk, from, to)

/**
 * Bytes that can be kept. From Node's pool: memory of their own for each frame costs more than all
 * else about it.
 */
export const copyOf = (chunk: Uint8Array, from: number, to: number): Uint8Array =>
  Buffer.from(chunk.subarray(from, to))

/**
 * The text whose UTF-8 has these characters as its bytes. Of Node, as all here is that reads bytes:
 * a browser hands out strings.
 */
export const utf8Of = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

/** Bytes of text as a message of a socket is handed out. */
export const viewAsText = ({ buffer, byteOffset, length }: Uint8Array): TextBytes =>
  new TextBytes(
    Buffer.from(buffer as ArrayBuffer, byteOffset, length) as Buffer & SliceableBytes,
    0,
    length,
  )

const REPLACEMENT = '\ufffd'

/** The text of UTF-8; `undefined` where it is none. */
export function decodeText(chunk: SliceableBytes, from: number, to: number): string | undefined {
  const text = chunk.utf8Slice(from, to)
  // The decoder puts this for what it cannot read: only text that holds it needs a second look.
  return !text.includes(REPLACEMENT) ||
    isSame(new TextEncoder().encode(text), chunk.subarray(from, to))
    ? text
    : undefined
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])
