import { checkDictionary } from '../dictionary/dictionary.js'
import type { DictionaryDecoder } from './dictionary-decoder.js'

// Servers change their dictionary now and then: what nobody asked for lately is let go.
const MOST = 8

type Make = (dictionary: Uint8Array) => Promise<DictionaryDecoder>

interface Made {
  readonly dictionary: Uint8Array
  readonly decoder: Promise<DictionaryDecoder>
}

/**
 * One decoder for each dictionary in the process, however many streams ask for it. Rejects with
 * `DictionaryError` where the bytes are no dictionary.
 */
export function onePerDictionary(make: Make): Make {
  let all: readonly Made[] = []

  return async (dictionary) => {
    checkDictionary(dictionary)
    const known = all.find((made) => isSame(made.dictionary, dictionary))
    if (known !== undefined) return known.decoder
    // A copy: the caller may write over its bytes.
    const own = dictionary.slice()
    const made: Made = { dictionary: own, decoder: make(own) }
    all = [...all, made].slice(-MOST)
    // The next one who asks tries again.
    made.decoder.catch(() => {
      all = all.filter((other) => other !== made)
    })
    return made.decoder
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])
