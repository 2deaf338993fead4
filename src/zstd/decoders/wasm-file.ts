import { unsigned } from '../frame/frame-header.js'

/**
 * The name under which {@link exposePrepared} exports the decoder that takes a prepared dictionary.
 */
export const PREPARED = 'decompress_usingPrepared'

// Sections of a WebAssembly file, and `kind: function` of an import or export.
const [IMPORTS, EXPORTS, CODE, FUNCTION] = [2, 7, 10, 0]
const HEADER_BYTES = 8
// local.get 0 to 6, i32.const 0, call: ZSTD_decompress_usingDict hands its arguments on, with NULL
// for the prepared dictionary.
const WRAPPER = [0x20, 0, 0x20, 1, 0x20, 2, 0x20, 3, 0x20, 4, 0x20, 5, 0x20, 6, 0x41, 0, 0x10]

/**
 * The file with one more export: what the exported `wrapper`, ZSTD_decompress_usingDict, calls. The
 * package exports only ways that load the dictionary anew for each frame, which is nine tenths of
 * the work; the function below takes a prepared one, and is in the file all the same. Undefined
 * where the file is not built like that.
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

/** Imported functions come first in the index space. Our file imports nothing else. */
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
