import * as zlib from 'node:zlib'
import { idOf } from '../dictionary/dictionary.js'
import { type DictionaryDecoder, dictionaryDecoder } from './dictionary-decoder.js'
import { textOf } from './node-text.js'
import { usesDictionary } from './probe.js'

/** Newer than the types of the oldest Node that we run on. */
interface Zstd {
  zstdDecompressSync?(
    frame: Uint8Array,
    options: { dictionary: Uint8Array; maxOutputLength: number },
  ): Uint8Array
}

/** Node's own zstd; undefined where it has none, or one that ignores dictionaries. */
export function zlibDecoder(
  dictionary: Uint8Array,
  { zstdDecompressSync }: Zstd = zlib as Zstd,
): DictionaryDecoder | undefined {
  if (zstdDecompressSync === undefined) return undefined
  // An output of no bytes is allowed in a frame, but not as an option.
  const inflate = (frame: Uint8Array, capacity: number) =>
    zstdDecompressSync(frame, { dictionary, maxOutputLength: Math.max(capacity, 1) })
  return usesDictionary(inflate, dictionary)
    ? dictionaryDecoder('zlib', idOf(dictionary), inflate, textOf)
    : undefined
}
