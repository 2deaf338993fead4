import { DictionaryError } from '../../errors.js'
import { unsigned } from '../frame/frame-header.js'

export const MAX_DICTIONARY_BYTES = 2 ** 20

// RFC 8878 section 5.
const MAGIC = 0xec30a437
const ID_AT = 4
// The magic, the id, and at least the shortest tables that can be.
const MIN_DICTIONARY_BYTES = 64

/**
 * The id of a zstd dictionary, which its frames name. Throws `DictionaryError` where the bytes are
 * none: a page of HTML, half a file.
 */
export function checkDictionary(bytes: Uint8Array): number {
  if (bytes.length > MAX_DICTIONARY_BYTES) {
    throw new DictionaryError(
      `a dictionary has at most ${MAX_DICTIONARY_BYTES} bytes, this one ${bytes.length}`,
    )
  }
  if (bytes.length < MIN_DICTIONARY_BYTES || unsigned(bytes, 0, 4) !== MAGIC) {
    throw new DictionaryError(
      `these ${bytes.length} bytes are no zstd dictionary: they do not begin with 37 a4 30 ec`,
    )
  }
  const id = idOf(bytes)
  if (id === 0) throw new DictionaryError('the dictionary has the id 0, which stands for none')
  return id
}

export const idOf = (dictionary: Uint8Array): number => unsigned(dictionary, ID_AT, 4)
