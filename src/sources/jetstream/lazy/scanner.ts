import { MAX_UNCOUNTED_CHARACTERS } from '../../../internal/content-bounds.js'
import type { SliceableBytes, TextBytes } from '../../../socket/text-bytes.js'
import { SCANNER_WASM } from './scanner-wasm.js'

// The layout of the memory, as scanner.wat has it.
const SLOTS = 127
const STRINGS_END = 1016 / 4
const STRINGS_AT = 1024
const SHAPES_AT = 4096
const TEXT_AT = 65_536
const TEXT_BYTES = MAX_UNCOUNTED_CHARACTERS
const LINES_AT = 393_216
/** What {@link Scanner.copyLine} has room for: more than a socket reads at once. */
export const LINES_BYTES = 327_680
const STEP_BYTES = 16
const BLOCK_BYTES = 16

const LITERAL = 1

/** A part of a shape that matches any value of its kind, and the slot for the value's position. */
export interface Value {
  readonly kind: 2 | 3 | 4 | 5
  readonly slot: number
}

/**
 * Printable ASCII without an escape, between two quotes. The quotes belong to the literals around
 * it.
 */
export const string = (slot: number): Value => ({ kind: 2, slot })
/** A whole number above 0, of up to 16 digits. */
export const number = (slot: number): Value => ({ kind: 3, slot })
/**
 * An object whose brackets are balanced, within the bounds on content. Its depth is counted; a text
 * that fits into the memory cannot have too many members.
 */
export const object = (slot: number): Value => ({ kind: 4, slot })
/** As {@link string}, but not copied: its slot has where it is in the text. */
export const span = (slot: number): Value => ({ kind: 5, slot })

/** JSON exactly as a server writes it: literals, with values between them. */
export type Shape = readonly (string | Value)[]

type Scan = (shape: number, from: number, to: number) => 0 | 1 | 2
type Copy = (from: number, to: number, line: number) => void
const NOTHING = new Uint8Array() as SliceableBytes

/**
 * Finds out whether a message has a {@link Shape}, and where its values are. In WebAssembly, which
 * compares sixteen bytes at once: most of the cost of reading an event lazily is to find the end of
 * its record.
 */
export class Scanner {
  /** Whether the message that matched is ASCII. Else it is other UTF-8. */
  isAscii = true
  #chunk: SliceableBytes = NOTHING
  // The position in the memory, less the one in the chunk.
  #offset = 0
  #shapesEnd = SHAPES_AT
  readonly #shapes = new Map<Shape, number>()
  readonly #scan: Scan
  readonly #copy: Copy
  readonly memory: Uint8Array
  readonly #words: Int32Array
  readonly #numbers: Float64Array

  constructor(module: WebAssembly.Module) {
    const { memory, scan, copy } = new WebAssembly.Instance(module).exports as {
      memory: WebAssembly.Memory
      scan: Scan
      copy: Copy
    }
    this.#scan = scan
    this.#copy = copy
    this.memory = new Uint8Array(memory.buffer)
    this.#words = new Int32Array(memory.buffer, 0, STRINGS_END + 1)
    this.#numbers = new Float64Array(memory.buffer, 0, SLOTS)
  }

  /** Returns the handle of a shape, for {@link matches}. Shapes are never freed: make few. */
  prepare(shape: Shape): number {
    const known = this.#shapes.get(shape)
    if (known !== undefined) return known
    const handle = this.#shapesEnd
    this.#shapes.set(shape, handle)
    for (const part of shape)
      typeof part === 'string' ? this.#writeLiteral(part) : this.#writeStep(part.kind, part.slot)
    this.#writeStep(0, 0)
    return handle
  }

  matches(shape: number, { chunk, from, to }: TextBytes): boolean {
    if (this.#chunk !== chunk && !this.#load(chunk, from, to)) return false
    const result = this.#scan(shape, this.#offset + from, this.#offset + to)
    this.isAscii = result === 1
    return result !== 0
  }

  /** Whether a message is in the memory. A larger one is not, and matches nothing. */
  load({ chunk, from, to }: TextBytes): boolean {
    return this.#chunk === chunk || this.#load(chunk, from, to)
  }

  /**
   * Copies the first `length` bytes of a message that was loaded to the lines, `at` bytes behind
   * their beginning, and puts a line feed behind them.
   */
  copyLine({ from }: TextBytes, length: number, at: number): void {
    const start = this.#offset + from
    this.#copy(start, start + length, LINES_AT + at)
  }

  /** A copy of the first `length` bytes of the lines, in new memory with `room` behind them. */
  lines(length: number, room: number): SliceableBytes {
    const copy = Buffer.allocUnsafeSlow(length + room)
    copy.set(this.memory.subarray(LINES_AT, LINES_AT + length))
    return copy as Buffer & SliceableBytes
  }

  /** The start of an object in the chunk. */
  from(slot: number): number {
    return (this.#words[2 * slot] as number) - this.#offset
  }

  /** The end of an object in the chunk. */
  to(slot: number): number {
    return (this.#words[2 * slot + 1] as number) - this.#offset
  }

  /** All strings that were found in the chunk, one after the other. */
  strings(chunk: SliceableBytes): string {
    return chunk.latin1Slice.call(this.memory, STRINGS_AT, this.#words[STRINGS_END] as number)
  }

  /** The string of a slot, cut from all of them. */
  string(slot: number, strings: string): string {
    return strings.slice(this.stringFrom(slot) - STRINGS_AT, this.stringTo(slot) - STRINGS_AT)
  }

  /** The start of a slot's string in {@link memory}. */
  stringFrom(slot: number): number {
    return this.#words[2 * slot] as number
  }

  /** The end of a slot's string in {@link memory}. */
  stringTo(slot: number): number {
    return this.#words[2 * slot + 1] as number
  }

  /** The text of a span. */
  text(slot: number): string {
    const bytes = this.memory.subarray(this.stringFrom(slot), this.stringTo(slot))
    return String.fromCharCode(...bytes)
  }

  number(slot: number): number {
    return this.#numbers[slot] as number
  }

  /** A chunk has many messages, one after the other: it is copied once. */
  #load(chunk: SliceableBytes, from: number, to: number): boolean {
    this.#chunk = chunk.length <= TEXT_BYTES ? chunk : NOTHING
    if (chunk.length <= TEXT_BYTES) {
      this.#offset = TEXT_AT
      this.memory.set(chunk, TEXT_AT)
    } else if (to - from <= TEXT_BYTES) {
      this.#offset = TEXT_AT - from
      this.memory.set(chunk.subarray(from, to), TEXT_AT)
    } else return false
    return true
  }

  #writeStep(kind: number, value: number): void {
    const words = new Int32Array(this.memory.buffer, this.#shapesEnd, 2)
    words[0] = kind
    words[1] = value
    this.#shapesEnd += STEP_BYTES
  }

  #writeLiteral(text: string): void {
    const bytes = new TextEncoder().encode(text)
    this.#writeStep(LITERAL, bytes.length)
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      const block = bytes.subarray(at, at + BLOCK_BYTES)
      this.memory.set(block, this.#shapesEnd)
      this.memory.fill(
        0xff,
        this.#shapesEnd + BLOCK_BYTES,
        this.#shapesEnd + BLOCK_BYTES + block.length,
      )
      this.#shapesEnd += 2 * BLOCK_BYTES
    }
  }
}

let shared: Scanner | undefined | null

/**
 * The scanner of this process, with 704 KiB of memory, of which pages that are never
 * touched cost nothing; `undefined` if WebAssembly with SIMD is
 * missing or forbidden.
 */
export function sharedScanner(): Scanner | undefined {
  if (shared === undefined) shared = compile()
  return shared ?? undefined
}

function compile(): Scanner | null {
  try {
    return new Scanner(
      new WebAssembly.Module(
        Uint8Array.from(atob(SCANNER_WASM), (character) => character.charCodeAt(0)),
      ),
    )
  } catch {
    // `--jitless`, a content security policy, no address space for its memory: JSON.parse is used
    // instead.
    return null
  }
}
