import { DictionaryError } from '../errors.js'
import { type DecodeUtf8, onePerDictionary } from './decoders/dictionary-decoder.js'
import { compileZstd, wasmDecoder } from './decoders/wasm.js'

export { loadDictionary } from './dictionary/dictionary.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
let compiled: Promise<WebAssembly.Module> | undefined

/**
 * The decoder of browsers. Rejects with `DictionaryError` if its file, `zstd.wasm`, is not beside
 * the module or the bundle.
 */
export const bestDecoder = onePerDictionary(async (dictionary) => {
  compiled ??= fetchZstd().then(compileZstd)
  try {
    return wasmDecoder(await compiled, dictionary, decodeUtf8)
  } catch (error) {
    compiled = undefined
    throw error
  }
})

const decodeUtf8: DecodeUtf8 = (bytes) => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

async function fetchZstd(): Promise<Uint8Array<ArrayBuffer>> {
  // Bundlers recognise this form, and copy the file.
  const url = new URL('./zstd.wasm', import.meta.url)
  const answer = await fetch(url).catch((cause: unknown) => {
    throw new DictionaryError(`the decoder cannot be loaded from ${url.href}`, { cause })
  })
  if (!answer.ok)
    throw new DictionaryError(
      `the decoder is not at ${url.href}: ${answer.status}; copy zstd.wasm beside the bundle`,
    )
  return new Uint8Array(await answer.arrayBuffer())
}
