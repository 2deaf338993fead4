import { idOf } from '../dictionary/dictionary.js'
import { type LoadedDictionary, prepareDictionary } from '../dictionary/prepared.js'
import { type DictionaryDecoder, dictionaryDecoder, type TextOf } from './dictionary-decoder.js'
import { exposePrepared } from './wasm-file.js'
import { WasmInstance, WRAPPER } from './wasm-instance.js'

const MIN_BUFFER_BYTES = 65_536

/** `ZSTD_ErrorCode`, negated: what a frame can do wrong that its header and blocks do not show. */
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

/** The decoder for where there is nothing but WebAssembly: browsers, and Node as well. */
export function wasmDecoder(
  module: WebAssembly.Module,
  dictionary: Uint8Array,
  textOf: TextOf,
): DictionaryDecoder {
  const start = () => new WasmInflate(new WasmInstance(module), dictionary)
  let running: WasmInflate | undefined = start()

  const inflate = (frame: Uint8Array, capacity: number): Uint8Array => {
    running ??= start()
    try {
      return running.inflate(frame, capacity)
    } catch (error) {
      // A trap leaves the memory as it was in the middle of things: the next frame gets a new one.
      if (!(error instanceof BadFrame)) running = undefined
      throw error
    }
  }
  return dictionaryDecoder('wasm', idOf(dictionary), inflate, textOf)
}

/** zstd refused a frame, and is ready for the next one. */
class BadFrame extends Error {}

/** Two buffers, one context and one dictionary, for ever in one memory. */
class WasmInflate {
  private readonly input: WasmBuffer
  private readonly output: WasmBuffer
  private readonly context: number
  private readonly dictionary: LoadedDictionary
  private readonly prepared: number | undefined

  constructor(
    private readonly zstd: WasmInstance,
    dictionary: Uint8Array,
  ) {
    this.context = zstd.createDCtx()
    this.dictionary = {
      address: zstd.put(dictionary),
      bytes: dictionary.length,
      id: idOf(dictionary),
    }
    this.prepared = prepareDictionary(zstd, this.context, this.dictionary)
    this.input = new WasmBuffer(zstd)
    this.output = new WasmBuffer(zstd)
  }

  inflate(frame: Uint8Array, capacity: number): Uint8Array {
    const source = this.input.atLeast(frame.length)
    const target = this.output.atLeast(capacity)
    this.zstd.heap.set(frame, source)
    const size = this.decompress(target, capacity, source, frame.length)
    if (size < 0) throw new BadFrame(REASONS[size] ?? `zstd error ${-size}`)
    return new Uint8Array(this.zstd.memory.buffer, target, size)
  }

  private decompress(target: number, capacity: number, source: number, bytes: number): number {
    const { zstd, context, dictionary, prepared } = this
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

/** Memory that is kept, and replaced only by more. */
class WasmBuffer {
  private address: number
  private bytes = MIN_BUFFER_BYTES

  constructor(private readonly zstd: WasmInstance) {
    this.address = zstd.allocate(this.bytes)
  }

  atLeast(bytes: number): number {
    if (bytes <= this.bytes) return this.address
    this.zstd.release(this.address)
    this.bytes = 2 ** Math.ceil(Math.log2(bytes))
    this.address = this.zstd.allocate(this.bytes)
    return this.address
  }
}
