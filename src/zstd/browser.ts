import { DictionaryError } from '../errors.js'
import type { TextOf } from './decoders/dictionary-decoder.js'
import { onePerDictionary } from './decoders/one-per-dictionary.js'
import { compileZstd, wasmDecoder } from './decoders/wasm.js'

export { loadDictionary } from './dictionary/source.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
let compiled: Promise<WebAssembly.Module> | undefined

/**
 * The decoder of browsers. Rejects with `DictionaryError` where its file, `zstd.wasm`, does not lie
 * beside the module or the bundle.
 */
export const bestDecoder = onePerDictionary(async (dictionary) => {
  compiled ??= fetchZstd().then(compileZstd)
  try {
    return wasmDecoder(await compiled, dictionary, textOf)
  } catch (error) {
    compiled = undefined
    throw error
  }
})

const textOf: TextOf = (bytes) => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

async function fetchZstd(): Promise<Uint8Array<ArrayBuffer>> {
  // In this form bundlers see that a file belongs to the code, and copy it.
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
