import { unsigned } from '../frame/check-frame.js'
import { PREPARED, type WasmInstance } from './wasm-instance.js'

// Sections of a WebAssembly file, and `kind: function` of an import or export.
const [IMPORTS, EXPORTS, CODE, FUNCTION] = [2, 7, 10, 0]
const HEADER_BYTES = 8
// local.get 0 to 6, i32.const 0, call: ZSTD_decompress_usingDict passes its arguments on, with NULL
// for the prepared dictionary.
const WRAPPER = [0x20, 0, 0x20, 1, 0x20, 2, 0x20, 3, 0x20, 4, 0x20, 5, 0x20, 6, 0x41, 0, 0x10]

/**
 * Adds one export to the file: the function that the exported `wrapper`, ZSTD_decompress_usingDict,
 * calls. The package's exports load the dictionary again for each frame, which is nine tenths of
 * the work. The function below takes a prepared dictionary; the file contains it but does not
 * export it. Returns `undefined` if the file is built differently.
 */
export function exposePrepared(
  wasm: Uint8Array,
  wrapper: string,
): Uint8Array<ArrayBuffer> | undefined {
  const sections = sectionsOf(wasm)
  const [imports, exports, code] = [
    sections.get(IMPORTS),
    sections.get(EXPORTS),
    sections.get(CODE),
  ]
  if (imports === undefined || exports === undefined || code === undefined) return undefined
  const index = functionNamed(new WasmReader(wasm, exports.at), wrapper)
  if (index === undefined) return undefined
  const callee = calleeOf(
    new WasmReader(wasm, code.at),
    index - countFunctions(new WasmReader(wasm, imports.at)),
  )
  return callee === undefined ? undefined : withExport(wasm, exports, PREPARED, callee)
}

/** A section's content: `at` to `end`, its own header from `start`. */
interface Section {
  readonly start: number
  readonly at: number
  readonly end: number
}

class WasmReader {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  byte(): number {
    this.at += 1
    return unsigned(this.bytes, this.at - 1, 1)
  }

  /** LEB128, unsigned. */
  integer(): number {
    const byte = this.byte()
    return byte < 128 ? byte : (byte & 127) + 128 * this.integer()
  }

  name(): string {
    const length = this.integer()
    this.at += length
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at))
  }
}

function sectionsOf(wasm: Uint8Array): ReadonlyMap<number, Section> {
  const sections = new Map<number, Section>()
  const reader = new WasmReader(wasm, HEADER_BYTES)
  while (reader.at < wasm.length) {
    const start = reader.at
    const id = reader.byte()
    const size = reader.integer()
    sections.set(id, { start, at: reader.at, end: reader.at + size })
    reader.at += size
  }
  return sections
}

function functionNamed(exports: WasmReader, wanted: string): number | undefined {
  for (let left = exports.integer(); left > 0; left -= 1) {
    const name = exports.name()
    const kind = exports.byte()
    const index = exports.integer()
    if (name === wanted && kind === FUNCTION) return index
  }
  return undefined
}

/** Imported functions come first in the index space. The file imports nothing but functions. */
const countFunctions = (imports: WasmReader): number => imports.integer()

function calleeOf(code: WasmReader, index: number): number | undefined {
  const count = code.integer()
  if (index < 0 || index >= count) return undefined
  for (let skipped = 0; skipped < index; skipped += 1) {
    const size = code.integer()
    code.at += size
  }
  code.integer()
  const hasLocals = code.integer() > 0
  if (hasLocals || WRAPPER.some((byte) => code.byte() !== byte)) return undefined
  return code.integer()
}

function withExport(
  wasm: Uint8Array,
  { start, at, end }: Section,
  name: string,
  index: number,
): Uint8Array<ArrayBuffer> {
  const reader = new WasmReader(wasm, at)
  const count = reader.integer()
  const entry = [name.length, ...new TextEncoder().encode(name), FUNCTION, ...leb128(index)]
  const content = [...leb128(count + 1), ...wasm.subarray(reader.at, end), ...entry]
  const section = [EXPORTS, ...leb128(content.length), ...content]
  const patched = new Uint8Array(start + section.length + wasm.length - end)
  patched.set(wasm.subarray(0, start))
  patched.set(section, start)
  patched.set(wasm.subarray(end), start + section.length)
  return patched
}

function leb128(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb128(value >>> 7)]
}

// `ZSTD_DDict_s` and the head of `ZSTD_DCtx_s` of zstd 1.5 on 32 bits (lib/decompress/zstd_ddict.c
// and zstd_decompress_internal.h). A context begins with four pointers into its own entropy tables,
// the tables follow.
const CONTEXT_ENTROPY_AT = 16
// Three tables of sequence symbols, one of Huffman codes, three repeated offsets, a workspace.
const ENTROPY_BYTES = 8 * (513 + 257 + 513) + 4 * 4097 + 4 * 3 + 4 * 157
const AT = {
  content: 4,
  contentBytes: 8,
  entropy: 12,
  id: 12 + ENTROPY_BYTES,
  hasEntropy: 16 + ENTROPY_BYTES,
} as const
const DDICT_BYTES = 32 + ENTROPY_BYTES

const PROBE_TEXT_BYTES = 400

/** A dictionary as it lies in the memory of an instance. */
export interface LoadedDictionary {
  readonly address: number
  readonly bytes: number
  readonly id: number
}

/**
 * Builds what ZSTD_createDDict would build; the file does not contain that function. `context`
 * reads the dictionary's tables once, and a copy of them is kept. Returns the address of the
 * result, or `undefined` if a test frame is not decoded correctly: another build of the file.
 */
export function prepareDictionary(
  zstd: WasmInstance,
  context: number,
  dictionary: LoadedDictionary,
): number | undefined {
  if (zstd.decompressPrepared === undefined) return undefined
  // Too short to be a frame. zstd notices that only after it has read the tables, which stay.
  const nothing = zstd.put(new Uint8Array(32))
  zstd.decompressUsingDict(context, nothing, 0, nothing, 32, dictionary.address, dictionary.bytes)
  zstd.release(nothing)

  const prepared = zstd.put(new Uint8Array(DDICT_BYTES))
  const words = new DataView(zstd.memory.buffer)
  if (words.getUint32(context, true) !== context + CONTEXT_ENTROPY_AT) return undefined
  words.setUint32(prepared + AT.content, dictionary.address, true)
  words.setUint32(prepared + AT.contentBytes, dictionary.bytes, true)
  words.setUint32(prepared + AT.id, dictionary.id, true)
  words.setUint32(prepared + AT.hasEntropy, 1, true)
  zstd.heap.copyWithin(
    prepared + AT.entropy,
    context + CONTEXT_ENTROPY_AT,
    context + CONTEXT_ENTROPY_AT + ENTROPY_BYTES,
  )
  return works(zstd, context, dictionary, prepared) ? prepared : undefined
}

/**
 * Compresses a piece of the dictionary, shuffled enough to need its tables too, and decompresses it
 * again.
 */
function works(
  zstd: WasmInstance,
  context: number,
  dictionary: LoadedDictionary,
  prepared: number,
): boolean {
  const text = probeText(zstd, dictionary)
  const source = zstd.put(text)
  const room = zstd.compressBound(text.length)
  const [frame, target] = [zstd.allocate(room), zstd.allocate(text.length)]
  const encoder = zstd.createCCtx()
  const size = zstd.compressUsingDict(
    encoder,
    frame,
    room,
    source,
    text.length,
    dictionary.address,
    dictionary.bytes,
    3,
  )
  zstd.freeCCtx(encoder)
  const read = zstd.decompressPrepared?.(context, target, text.length, frame, size, 0, 0, prepared)
  const isSame =
    read === text.length && text.every((byte, index) => byte === zstd.heap[target + index])
  for (const address of [source, frame, target]) zstd.release(address)
  return isSame
}

function probeText(zstd: WasmInstance, { address, bytes }: LoadedDictionary): Uint8Array {
  const end = address + bytes
  const tail = zstd.heap.slice(Math.max(address, end - PROBE_TEXT_BYTES), end)
  return tail.map((byte, index) =>
    index % 7 === 0 ? (tail[(index * 31) % tail.length] ?? byte) : byte,
  )
}
