const SLAB_BYTES = 1 << 20
const LONGEST_HEADER = 10

/** A WebSocket frame in memory: the header from `start`, the payload from `payload` to `end`. */
export interface Frame {
  readonly slab: Buffer
  readonly start: number
  readonly payload: number
  readonly end: number
}

/**
 * Keeps encoded frames. A server's frames are not masked, so one copy serves all clients, and
 * frames that lie side by side go out in one write.
 */
export class FrameStore {
  #slab = Buffer.alloc(0)
  #used = 0

  add(text: string): Frame {
    // A UTF-16 unit is at most three bytes: asking for the exact number would read every text
    // twice.
    this.#reserve(3 * text.length + LONGEST_HEADER)
    const slab = this.#slab
    const start = this.#used
    const usual = text.length >= 126 && 3 * text.length < 0x1_0000
    const payload = usual
      ? start + 4
      : writeHeader(slab, start, OPCODES.text, Buffer.byteLength(text))
    this.#used = payload + slab.write(text, payload)
    if (usual) writeHeader(slab, start, OPCODES.text, this.#used - payload)
    return { slab, start, payload, end: this.#used }
  }

  /** Adds a binary frame. */
  addBytes(bytes: Uint8Array): Frame {
    this.#reserve(bytes.length + LONGEST_HEADER)
    const slab = this.#slab
    const start = this.#used
    const payload = writeHeader(slab, start, OPCODES.binary, bytes.length)
    slab.set(bytes, payload)
    this.#used = payload + bytes.length
    return { slab, start, payload, end: this.#used }
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#slab.length) return
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes))
    this.#used = 0
  }
}

const OPCODES = { text: 1, binary: 2 } as const

/** One unfragmented, unmasked frame. */
export function frameOf(payload: Uint8Array, as: keyof typeof OPCODES): Buffer {
  const frame = Buffer.allocUnsafe(payload.length + LONGEST_HEADER)
  const start = writeHeader(frame, 0, OPCODES[as], payload.length)
  frame.set(payload, start)
  return frame.subarray(0, start + payload.length)
}

/** The frames as buffers; frames that lie side by side become one. */
export function joined(frames: readonly Frame[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let index = 0; index < frames.length; ) {
    const first = frames[index++] as Frame
    let last = first
    for (
      let next = frames[index];
      next && next.slab === first.slab && next.start === last.end;
      next = frames[++index]
    )
      last = next
    pieces.push(first.slab.subarray(first.start, last.end))
  }
  return pieces
}

/** RFC 6455 section 5.2. Returns where the payload begins. */
function writeHeader(target: Buffer, at: number, opcode: number, bytes: number): number {
  target[at] = 0x80 | opcode
  if (bytes < 126) {
    target[at + 1] = bytes
    return at + 2
  }
  if (bytes < 0x1_0000) {
    target[at + 1] = 126
    return target.writeUInt16BE(bytes, at + 2)
  }
  target[at + 1] = 127
  return target.writeBigUInt64BE(BigInt(bytes), at + 2)
}
