import { DictionaryError } from '../errors.js'
import { COPY_ZSTD } from './decoders/copy-zstd.js'
import { type DecodeUtf8, onePerDictionary } from './decoders/dictionary-decoder.js'
import { compileZstd, wasmDecoder, wasmPlainInflater } from './decoders/wasm.js'
import type { PlainInflater } from './plain-inflater.js'

export { loadDictionary, V1_DICTIONARY, v2DictionaryUrl } from './dictionary/dictionary.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
let compiled: Promise<WebAssembly.Module> | undefined

/**
 * The decoder of browsers. Rejects with `DictionaryError` if its file, `zstd.wasm`, is not beside
 * the module or the bundle.
 */
export const bestDecoder = onePerDictionary((dictionary) =>
  withZstd((module) => wasmDecoder(module, dictionary, decodeUtf8)),
)

/** The inflater of frames without a dictionary. Rejects as {@link bestDecoder} does. */
export const plainInflater = (): Promise<PlainInflater> => withZstd(wasmPlainInflater)

async function withZstd<T>(use: (module: WebAssembly.Module) => T): Promise<T> {
  compiled ??= fetchZstd().then(compileZstd)
  try {
    return use(await compiled)
  } catch (error) {
    compiled = undefined
    throw error
  }
}

const decodeUtf8: DecodeUtf8 = (bytes) => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

async function fetchZstd(): Promise<Uint8Array<ArrayBuffer>> {
  const url = placeOfZstd()
  const answer = await fetch(url).catch((cause: unknown) => {
    throw new DictionaryError(`the decoder cannot be loaded from ${url.href}`, { cause })
  })
  if (!answer.ok)
    throw new DictionaryError(`the decoder is not at ${url.href}: ${answer.status}; ${COPY_ZSTD}`, {
      retryable: answer.status >= 500 || answer.status === 429,
    })
  return new Uint8Array(await answer.arrayBuffer())
}

function placeOfZstd(): URL {
  try {
    // Bundlers recognise this form, and copy the file.
    return new URL('./zstd.wasm', import.meta.url)
  } catch {
    // A bundle that is a classic script has no `import.meta.url`: beside the page then.
    return new URL('./zstd.wasm', globalThis.location.href)
  }
}
