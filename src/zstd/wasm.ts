import { FrameError } from '../errors.js'
import { checkFrame, tooLarge } from './check-frame.js'
import type { DictionaryDecoder, TextOf } from './dictionary-decoder.js'
import { unsigned } from './frame-header.js'
import { type LoadedDictionary, prepareDictionary } from './prepared-dictionary.js'
import { exposePrepared } from './wasm-file.js'
import { WasmInstance, WRAPPER } from './wasm-instance.js'

const MIN_BUFFER_BYTES = 65_536
const [OUTPUT_TOO_SMALL, REASONS] = [
  -70,
  { [-20]: 'its content', [-22]: 'its checksum', [-30]: 'its dictionary' } as Record<number, string>,
]

/** Compiles the file of `@bokuweb/zstd-wasm`: once a process. */
export async function compileZstd(file: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  return WebAssembly.compile(exposePrepared(file, WRAPPER) ?? file)
}

/** The decoder for where there is nothing but WebAssembly: browsers, and Node as well. */
export function wasmDecoder(module: WebAssembly.Module, dictionary: Uint8Array, textOf: TextOf): DictionaryDecoder {
  const dictionaryId = unsigned(dictionary, 4, 4)
  const start = () => new WasmDecoder(new WasmInstance(module), dictionary, dictionaryId)
  let running: WasmDecoder | undefined = start()

  return {
    name: 'wasm',
    dictionaryId,
    decode(frame, maxBytes) {
      const capacity = checkFrame(frame, dictionaryId, maxBytes)
      running ??= start()
      try {
        const text = running.decode(frame, capacity, maxBytes, textOf)
        if (text === undefined) throw new FrameError('the content of the zstd frame is not UTF-8')
        return text
      } catch (error) {
        if (error instanceof FrameError) throw error
        // A trap leaves the memory as it was in the middle of things: the next frame gets a new one.
        running = undefined
        throw new FrameError(`the zstd frame cannot be read: ${(error as Error).message}`, undefined, { cause: error })
      }
    },
  }
}

/** Two buffers, one context and one dictionary, for ever in one memory. */
class WasmDecoder {
  private readonly input: WasmBuffer
  private readonly output: WasmBuffer
  private readonly context: number
  private readonly dictionary: LoadedDictionary
  private readonly prepared: number | undefined

  constructor(
    private readonly zstd: WasmInstance,
    dictionary: Uint8Array,
    id: number,
  ) {
    this.context = zstd.createDCtx()
    this.dictionary = { address: zstd.put(dictionary), bytes: dictionary.length, id }
    this.prepared = prepareDictionary(zstd, this.context, this.dictionary)
    this.input = new WasmBuffer(zstd)
    this.output = new WasmBuffer(zstd)
  }

  decode(frame: Uint8Array, capacity: number, maxBytes: number, textOf: TextOf): string | undefined {
    const { zstd, input, output } = this
    const source = input.atLeast(frame.length)
    const target = output.atLeast(capacity)
    zstd.heap.set(frame, source)
    const size = this.decompress(target, capacity, source, frame.length)
    if (size === OUTPUT_TOO_SMALL && capacity === maxBytes) throw tooLarge(maxBytes)
    if (size < 0) throw new FrameError(`the zstd frame is corrupt: ${REASONS[size] ?? `error ${-size}`}`)
    return textOf(zstd.memory.buffer, target, size)
  }

  private decompress(target: number, capacity: number, source: number, bytes: number): number {
    const { zstd, context, dictionary, prepared } = this
    if (prepared !== undefined && zstd.decompressPrepared !== undefined) {
      return zstd.decompressPrepared(context, target, capacity, source, bytes, 0, 0, prepared)
    }
    return zstd.decompressUsingDict(context, target, capacity, source, bytes, dictionary.address, dictionary.bytes)
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
