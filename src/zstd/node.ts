import { DictionaryError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import { onePerDictionary } from './decoders/dictionary-decoder.js'
import {
  napiDecoder,
  nodePlainInflater,
  nodeWasmDecoder,
  zlibDecoder,
} from './decoders/node-decoders.js'
import type { PlainInflater } from './plain-inflater.js'

export { V1_DICTIONARY, v2DictionaryUrl } from './dictionary/dictionary.js'
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
    throw noDecoder(cause)
  }
})

let inflater: Promise<PlainInflater> | undefined

/** The inflater of frames without a dictionary: one for the process. */
export function plainInflater(): Promise<PlainInflater> {
  inflater ??= nodePlainInflater().catch((cause: unknown) => {
    // The next caller tries again.
    inflater = undefined
    throw noDecoder(cause)
  })
  return inflater
}

const noDecoder = (cause: unknown): DictionaryError =>
  new DictionaryError(`no zstd decoder can be had: ${messageOf(cause)}`, {
    cause,
    retryable: isPassing(cause),
  })

/** Too little memory, or too many open files: a later try may succeed. */
const isPassing = (cause: unknown): boolean =>
  cause instanceof RangeError ||
  ['EMFILE', 'ENFILE', 'ENOMEM'].includes((cause as NodeJS.ErrnoException).code ?? '')
