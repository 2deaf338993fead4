import { HEAD_BYTES } from './large-frame.js'

const FIRST_BYTES = 4096

/**
 * The payload of a message that arrives in pieces. Above `maxBytes` only its beginning is kept. It
 * is one buffer that grows: in a list, a fragment of one byte would cost a hundred.
 */
export class Gathered {
  /** The length of all frames so far, as their headers announce it. */
  length = 0
  #bytes = Buffer.allocUnsafe(0)
  #size = 0

  constructor(
    readonly isBinary: boolean,
    private readonly maxBytes: number,
  ) {}

  get isLarge(): boolean {
    return this.length > this.maxBytes
  }

  /** The bytes that were kept. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.isLarge ? Math.min(this.#size, HEAD_BYTES) : this.#size)
  }

  /** The header of the next frame has arrived. */
  announce(length: number): void {
    this.length += length
    // Only now is it known that the message is too large.
    if (this.isLarge && this.#size > HEAD_BYTES) this.#resize(HEAD_BYTES)
  }

  add(chunk: Buffer, from: number, to: number): void {
    const end = this.isLarge ? Math.min(to, from + HEAD_BYTES - this.#size) : to
    if (end <= from) return
    const size = this.#size + end - from
    if (size > this.#bytes.length) this.#resize(Math.max(size, 2 * this.#bytes.length, FIRST_BYTES))
    chunk.copy(this.#bytes, this.#size, from, end)
    this.#size = size
  }

  #resize(length: number): void {
    const kept = this.#bytes.subarray(0, Math.min(this.#size, length))
    this.#bytes = Buffer.allocUnsafeSlow(length)
    kept.copy(this.#bytes)
    this.#size = kept.length
  }
}
