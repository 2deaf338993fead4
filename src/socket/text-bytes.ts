import type { Frame } from './frame.js'

/** A Node buffer. Its `toString` looks the encoding up, and then calls one of these. */
export interface SliceableBytes extends Uint8Array {
  latin1Slice(from: number, to: number): string
  utf8Slice(from: number, to: number): string
}

/**
 * A text message that is not decoded. It must be read in the call that delivers it: the next one is
 * received into the same memory.
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
 * Bytes that can be kept. They come from Node's pool: an allocation for each frame costs more than
 * everything else about it.
 */
export const copyOf = (chunk: Uint8Array, from: number, to: number): Uint8Array =>
  Buffer.from(chunk.subarray(from, to))

/**
 * Decodes UTF-8 of which each byte is a character of `bytes`. For Node only, as all here that reads
 * bytes: a browser delivers strings.
 */
export const utf8Of = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

/** Bytes of text in the form in which a socket delivers a message. */
export const viewAsText = ({ buffer, byteOffset, length }: Uint8Array): TextBytes =>
  new TextBytes(
    Buffer.from(buffer as ArrayBuffer, byteOffset, length) as Buffer & SliceableBytes,
    0,
    length,
  )

const REPLACEMENT = '\ufffd'

/** Returns the text of UTF-8; `undefined` if it is not UTF-8. */
export function decodeText(chunk: SliceableBytes, from: number, to: number): string | undefined {
  const text = chunk.utf8Slice(from, to)
  // The decoder writes this for bytes that it cannot read: only such text needs a second look.
  return !text.includes(REPLACEMENT) ||
    isSame(new TextEncoder().encode(text), chunk.subarray(from, to))
    ? text
    : undefined
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])
