import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { compileZstd } from '../../zstd/decoders/wasm.js'
import { WasmInstance } from '../../zstd/decoders/wasm-instance.js'
import { checkDictionary } from '../../zstd/dictionary/dictionary.js'
import { readFrameHeader } from '../../zstd/frame/check-frame.js'
import { type Frame, frameOf } from '../wire/frame-store.js'

/**
 * Compresses texts to binary frames. Each row is compressed once, however many connections and
 * replays send it.
 */
export class FrameCompressor {
  readonly #packed = new WeakMap<Frame, Uint8Array>()

  constructor(private readonly compress: (json: Uint8Array) => Uint8Array) {}

  /** The WebSocket frame, with its header. */
  compressFrame(frame: Frame): Uint8Array {
    const known = this.#packed.get(frame)
    if (known !== undefined) return known
    const packed = this.compressText(frame.slab.subarray(frame.payload, frame.end))
    this.#packed.set(frame, packed)
    return packed
  }

  compressText(json: Uint8Array): Uint8Array {
    return frameOf(this.compress(json), 'binary')
  }
}

/** A dictionary and its compressor. */
export interface ZstdDictionary {
  readonly id: number
  readonly dictionary: Uint8Array
  readonly compressor: FrameCompressor
}

/** @param compress used instead of the encoder for the dictionary */
export async function zstdWith(
  dictionary: Uint8Array,
  compress?: (json: Uint8Array) => Uint8Array,
): Promise<ZstdDictionary> {
  const own = dictionary.slice()
  return {
    id: checkDictionary(own),
    dictionary: own,
    compressor: new FrameCompressor(compress ?? (await encoderOf(own))),
  }
}

/** Servers leave the content size out of frames for texts below this. */
const SIZED_FROM_BYTES = 256
const LEVEL = 3

async function encoderOf(dictionary: Uint8Array): Promise<(json: Uint8Array) => Uint8Array> {
  const zstd = new WasmInstance(await compiled())
  const [context, address] = [zstd.createCCtx(), zstd.put(dictionary)]
  return (json) => {
    const room = zstd.compressBound(json.length)
    const [source, target] = [zstd.put(json), zstd.allocate(room)]
    const size = zstd.compressUsingDict(
      context,
      target,
      room,
      source,
      json.length,
      address,
      dictionary.length,
      LEVEL,
    )
    const frame = zstd.heap.slice(target, target + size)
    zstd.release(source)
    zstd.release(target)
    return json.length < SIZED_FROM_BYTES ? withoutContentSize(frame) : frame
  }
}

/**
 * The same blocks under a header that names a window of 1 KiB and no size, RFC 8878 section
 * 3.1.1.1.
 */
function withoutContentSize(frame: Uint8Array): Uint8Array {
  const { bytes, dictionaryId } = readFrameHeader(frame)
  const id = [0, 8, 16, 24].map((shift) => (dictionaryId >>> shift) & 255)
  return Uint8Array.from([...frame.subarray(0, 4), 0b11, 0, ...id, ...frame.subarray(bytes)])
}

let compiling: Promise<WebAssembly.Module> | undefined

function compiled(): Promise<WebAssembly.Module> {
  // The package exports its entry alone; the file lies beside it.
  const row = createRequire(import.meta.url).resolve('@bokuweb/zstd-wasm')
  compiling ??= readFile(join(dirname(row), 'zstd.wasm')).then((file) =>
    compileZstd(Uint8Array.from(file)),
  )
  return compiling
}
