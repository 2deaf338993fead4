import { checkDictionary } from './dictionary.js'
import type { DictionaryDecoder } from './dictionary-decoder.js'

// Servers change their dictionary now and then: what nobody asked for lately is let go.
const MOST = 8

type Make = (dictionary: Uint8Array) => Promise<DictionaryDecoder>

interface Made {
  readonly dictionary: Uint8Array
  readonly decoder: Promise<DictionaryDecoder>
}

/** One decoder for each dictionary in the process, however many streams ask for it. Rejects with `DictionaryError` where the bytes are no dictionary. */
export function onePerDictionary(make: Make): Make {
  const all: Made[] = []

  return async (dictionary) => {
    checkDictionary(dictionary)
    const known = all.find((made) => isSame(made.dictionary, dictionary))
    if (known !== undefined) return known.decoder
    const made = { dictionary: dictionary.slice(), decoder: make(dictionary.slice()) }
    all.push(made)
    if (all.length > MOST) all.shift()
    // The next one who asks tries again.
    made.decoder.catch(() => all.splice(all.indexOf(made), 1))
    return made.decoder
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index])
