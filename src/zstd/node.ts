import { DictionaryError } from '../errors.js'
import { napiDecoder } from './decoders/node-napi.js'
import { nodeWasmDecoder } from './decoders/node-wasm.js'
import { zlibDecoder } from './decoders/node-zlib.js'
import { onePerDictionary } from './decoders/one-per-dictionary.js'

export { loadDictionary } from './dictionary/node-source.js'

/**
 * The fastest decoder there is, by what bench/how-fast-is-zstd.ts measured: `zstd-napi` where it is
 * installed, since it prepares the dictionary and is native; else WebAssembly, which prepares it
 * too; and Node's own only where WebAssembly is forbidden, since it loads the dictionary for each
 * frame.
 */
export const bestDecoder = onePerDictionary(async (dictionary) => {
  const native = await napiDecoder(dictionary)
  if (native !== undefined) return native
  try {
    return await nodeWasmDecoder(dictionary)
  } catch (cause) {
    const own = zlibDecoder(dictionary)
    if (own !== undefined) return own
    throw new DictionaryError(`no zstd decoder can be had: ${(cause as Error).message}`, { cause })
  }
})
