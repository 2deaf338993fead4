import { DictionaryError } from '../errors.js'

export { V1_DICTIONARY, v2DictionaryUrl } from './dictionary/dictionary.js'

/**
 * Where WebAssembly cannot be compiled at run time, or is not found beside the bundle: workerd,
 * edge functions, React Native. Rejects always, before a dictionary is fetched.
 */
const none = async (): Promise<never> => {
  throw new DictionaryError(
    "this runtime has no zstd decoder: leave out `compress`, or use 'auto'",
    { retryable: false },
  )
}

export { none as bestDecoder, none as loadDictionary, none as plainInflater }
