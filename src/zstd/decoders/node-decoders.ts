import { isAscii, isUtf8 } from 'node:buffer'
import { pathToFileURL } from 'node:url'
import * as zlib from 'node:zlib'
import { idOf } from '../dictionary/dictionary.js'
import { readZstd } from '../node-file.js'
import { requireFrom } from '../node-require.js'
import { type PlainInflater, plainInflater } from '../plain-inflater.js'
import {
  type DecodeUtf8,
  type DictionaryDecoder,
  dictionaryDecoder,
  type Inflate,
  usesDictionary,
} from './dictionary-decoder.js'
import { compileZstd, wasmDecoder, wasmPlainInflater } from './wasm.js'

/**
 * The part of `zstd-napi` that we use. Its `Decompressor` would allocate as much as a frame asks
 * for.
 */
interface Binding {
  readonly DCtx: new () => {
    decompressUsingDDict(target: Uint8Array, frame: Uint8Array, dictionary: object): number
  }
  readonly DDict: new (dictionary: Uint8Array) => object
}

const MIN_BUFFER_BYTES = 65_536
// A piece that is full is followed by another one, which may be empty.
const ROOM_BYTES = 64
// A variable, so that neither the compiler nor a bundler looks for a package that may be absent;
// webpack and Vite warn of one, unless a comment in the import says that it is meant.
const BINDING: string = 'zstd-napi/binding.js'

/**
 * The native decoder of the optional package `zstd-napi`; `undefined` if it is not installed, or
 * was not built.
 */
export async function napiDecoder(
  dictionary: Uint8Array,
  load: () => Promise<unknown> = () => loadBinding(process.argv[1]),
): Promise<DictionaryDecoder | undefined> {
  try {
    const loaded = (await load()) as Binding | { default: Binding }
    const inflate = inflateOf('default' in loaded ? loaded.default : loaded, dictionary)
    return usesDictionary(inflate, dictionary)
      ? dictionaryDecoder('napi', idOf(dictionary), inflate, decodeUtf8)
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Looked up from here, then from the program: pnpm and yarn hide from a package all that its own
 * `package.json` does not name. Naming it as a peer dependency, even an optional one, would install
 * a copy of this library for each set of peers.
 */
export async function loadBinding(
  program: string | undefined,
  binding: string = BINDING,
): Promise<unknown> {
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ binding)
  } catch (error) {
    if (program === undefined) throw error
    const { href } = pathToFileURL(requireFrom(program).resolve(binding))
    return import(/* webpackIgnore: true */ /* @vite-ignore */ href)
  }
}

function inflateOf({ DCtx, DDict }: Binding, dictionary: Uint8Array): Inflate {
  const [context, prepared] = [new DCtx(), new DDict(dictionary)]
  let output = Buffer.alloc(MIN_BUFFER_BYTES)
  return (frame, capacity) => {
    if (capacity > output.length) output = Buffer.alloc(capacity)
    return output.subarray(
      0,
      context.decompressUsingDDict(output.subarray(0, capacity), frame, prepared),
    )
  }
}

type ZstdPackage = typeof import('@bokuweb/zstd-wasm')

let compiled: Promise<WebAssembly.Module> | undefined

/** The decoder in WebAssembly. Rejects if WebAssembly is forbidden. */
export const nodeWasmDecoder = (dictionary: Uint8Array): Promise<DictionaryDecoder> =>
  withZstd((module) => decoderOf(module, dictionary))

async function withZstd<T>(use: (module: WebAssembly.Module) => T | Promise<T>): Promise<T> {
  compiled ??= readZstd().then(compileZstd)
  try {
    return await use(await compiled)
  } catch (error) {
    compiled = undefined
    throw error
  }
}

/**
 * The decoder of a compiled file. Our own use of the file depends on its build: if that fails, as
 * with another version of the package, the decoder uses the package's public API.
 */
export async function decoderOf(
  module: WebAssembly.Module,
  dictionary: Uint8Array,
): Promise<DictionaryDecoder> {
  try {
    const decoder = wasmDecoder(module, dictionary, decodeUtf8)
    if (usesDictionary(decoder.inflate, dictionary)) return decoder
  } catch {
    // The file has other imports, or other exports.
  }
  return packageDecoder(dictionary)
}

/**
 * The package by its public API, which loads the dictionary for each frame. A second `init`, by any
 * library, breaks it for the whole process; our own instances are not affected by that.
 */
async function packageDecoder(dictionary: Uint8Array): Promise<DictionaryDecoder> {
  const zstd = requireFrom(import.meta.url)('@bokuweb/zstd-wasm') as ZstdPackage
  if (!isInitialized(zstd)) await zstd.init()
  const context = zstd.createDCtx()
  const inflate: Inflate = (frame, capacity) =>
    zstd.decompressUsingDict(context, frame, dictionary, { defaultHeapSize: capacity })
  return dictionaryDecoder('wasm', idOf(dictionary), inflate, decodeUtf8)
}

function isInitialized(zstd: ZstdPackage): boolean {
  try {
    zstd.freeDCtx(zstd.createDCtx())
    return true
  } catch {
    return false
  }
}

/** Newer than the types of the oldest Node that we support. */
interface Zstd {
  zstdDecompress?(
    frame: Uint8Array,
    options: { maxOutputLength: number; chunkSize: number },
    done: (error: Error | null, content: Uint8Array) => void,
  ): void
  zstdDecompressSync?(
    frame: Uint8Array,
    options: { dictionary: Uint8Array; maxOutputLength: number },
  ): Uint8Array
}

/** Node's own zstd; `undefined` if Node has none, or one that ignores dictionaries. */
export function zlibDecoder(
  dictionary: Uint8Array,
  { zstdDecompressSync }: Zstd = zlib as Zstd,
): DictionaryDecoder | undefined {
  if (zstdDecompressSync === undefined) return undefined
  // A frame may have no content, but the option must be at least 1.
  const inflate = (frame: Uint8Array, capacity: number) =>
    zstdDecompressSync(frame, { dictionary, maxOutputLength: Math.max(capacity, 1) })
  return usesDictionary(inflate, dictionary)
    ? dictionaryDecoder('zlib', idOf(dictionary), inflate, decodeUtf8)
    : undefined
}

/**
 * The inflater of frames without a dictionary. Node's own where it has one: it works off the main
 * thread. `zstd-napi` does not, and its checksums were not tested.
 */
export async function nodePlainInflater(
  { zstdDecompress }: Zstd = zlib as Zstd,
): Promise<PlainInflater> {
  if (zstdDecompress === undefined) return withZstd(wasmPlainInflater)
  return plainInflater(
    'zlib',
    (frame, capacity) =>
      new Promise((resolve, reject) => {
        // One piece of output. With the default, 16 KiB, joining pieces costs more than the rest.
        const options = { maxOutputLength: Math.max(capacity, 1), chunkSize: capacity + ROOM_BYTES }
        zstdDecompress(frame, options, (error, content) =>
          error === null ? resolve(content) : reject(error),
        )
      }),
  )
}

// Two passes over cached bytes are cheaper than one through a general decoder.
export const decodeUtf8: DecodeUtf8 = (bytes) => {
  const view = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)
  if (isAscii(view)) return view.toString('latin1')
  return isUtf8(view) ? view.toString('utf8') : undefined
}
