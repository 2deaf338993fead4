import { DictionaryError } from '../errors.js'
import { onePerDictionary } from './decoders/dictionary-decoder.js'
import { napiDecoder, nodeWasmDecoder, zlibDecoder } from './decoders/node-decoders.js'

export { loadDictionary } from './dictionary/node-source.js'

/**
 * The fastest decoder that is available, by the numbers of bench/how-fast-is-zstd.ts. `zstd-napi`
 * where it is installed: it is native and prepares the dictionary. Else WebAssembly, which prepares
 * it too. Node's own only where WebAssembly is forbidden: it loads the dictionary for each frame.
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
