import { idOf } from '../dictionary/dictionary.js'
import { type PlainInflater, plainInflater } from '../plain-inflater.js'
import { type DecodeUtf8, type DictionaryDecoder, dictionaryDecoder } from './dictionary-decoder.js'
import { exposePrepared, type LoadedDictionary, prepareDictionary } from './prepared-dictionary.js'
import { WasmInstance, WRAPPER } from './wasm-instance.js'

const MIN_BUFFER_BYTES = 65_536
const MAX_KEPT_BYTES = 16 * 2 ** 20
const NONE: LoadedDictionary = { address: 0, bytes: 0, id: 0 }

/** By `ZSTD_ErrorCode`, negated: faults of a frame that its header and blocks do not show. */
const REASONS: Readonly<Record<number, string>> = {
  [-20]: 'its content cannot be read',
  [-22]: 'its checksum is another',
  [-30]: 'its dictionary is needed',
  [-70]: 'its content is larger than it may be',
}

/** Compiles the file of `@bokuweb/zstd-wasm`: once a process. */
export async function compileZstd(file: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  return WebAssembly.compile(exposePrepared(file, WRAPPER) ?? file)
}

/** The decoder that needs nothing but WebAssembly: of browsers, and of Node as well. */
export function wasmDecoder(
  module: WebAssembly.Module,
  dictionary: Uint8Array,
  decodeUtf8: DecodeUtf8,
): DictionaryDecoder {
  const start = () => new WasmInflate(new WasmInstance(module), dictionary)
  let running: WasmInflate | undefined = start()

  const inflate = (frame: Uint8Array, capacity: number): Uint8Array => {
    running ??= start()
    try {
      return running.inflate(frame, capacity)
    } catch (error) {
      // A trap leaves the memory in an unknown state: the next frame gets a new one.
      if (!(error instanceof BadFrame)) running = undefined
      throw error
    }
  }
  return dictionaryDecoder('wasm', idOf(dictionary), inflate, decodeUtf8)
}

/** The inflater that needs nothing but WebAssembly, in an instance of its own. */
export function wasmPlainInflater(module: WebAssembly.Module): PlainInflater {
  let running: WasmInflate | undefined
  return plainInflater('wasm', (frame, capacity) => {
    // A large block grows the memory for good: such an instance is not kept.
    const instance = running ?? new WasmInflate(new WasmInstance(module))
    running = capacity > MAX_KEPT_BYTES ? undefined : instance
    try {
      return instance.inflate(frame, capacity).slice()
    } catch (error) {
      if (!(error instanceof BadFrame)) running = undefined
      throw error
    }
  })
}

/** zstd refused the frame, and can decode the next one. */
class BadFrame extends Error {}

/** Two buffers, one context and one dictionary, kept in one memory. */
class WasmInflate {
  readonly #input: WasmBuffer
  readonly #output: WasmBuffer
  readonly #context: number
  readonly #dictionary: LoadedDictionary
  readonly #prepared: number | undefined

  constructor(
    private readonly zstd: WasmInstance,
    dictionary?: Uint8Array,
  ) {
    this.#context = zstd.createDCtx()
    this.#dictionary = NONE
    if (dictionary !== undefined) {
      const address = zstd.put(dictionary)
      this.#dictionary = { address, bytes: dictionary.length, id: idOf(dictionary) }
      this.#prepared = prepareDictionary(zstd, this.#context, this.#dictionary)
    }
    this.#input = new WasmBuffer(zstd)
    this.#output = new WasmBuffer(zstd)
  }

  inflate(frame: Uint8Array, capacity: number): Uint8Array {
    const source = this.#input.atLeast(frame.length)
    const target = this.#output.atLeast(capacity)
    this.zstd.heap.set(frame, source)
    const size = this.#decompress(target, capacity, source, frame.length)
    if (size < 0) throw new BadFrame(REASONS[size] ?? `zstd error ${-size}`)
    return new Uint8Array(this.zstd.memory.buffer, target, size)
  }

  #decompress(target: number, capacity: number, source: number, bytes: number): number {
    const { zstd } = this
    const context = this.#context
    const dictionary = this.#dictionary
    const prepared = this.#prepared
    if (prepared !== undefined && zstd.decompressPrepared !== undefined) {
      return zstd.decompressPrepared(context, target, capacity, source, bytes, 0, 0, prepared)
    }
    return zstd.decompressUsingDict(
      context,
      target,
      capacity,
      source,
      bytes,
      dictionary.address,
      dictionary.bytes,
    )
  }
}

/** Memory that is reused, and only replaced by a larger piece. */
class WasmBuffer {
  #address: number
  #bytes = MIN_BUFFER_BYTES

  constructor(private readonly zstd: WasmInstance) {
    this.#address = zstd.allocate(this.#bytes)
  }

  atLeast(bytes: number): number {
    if (bytes <= this.#bytes) return this.#address
    this.zstd.release(this.#address)
    this.#bytes = 2 ** Math.ceil(Math.log2(bytes))
    this.#address = this.zstd.allocate(this.#bytes)
    return this.#address
  }
}
