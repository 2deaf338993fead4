import { decodeFirst } from '@atcute/cbor'
import { CborSkimmer } from './cbor-skimmer.js'

/**
 * Decodes one DAG-CBOR item, in the strict form of AT Protocol: shortest lengths, sorted keys, no
 * tag but that of links, whole numbers within 2^53. A float that is finite passes, although the
 * data model has none. Throws an `Error` that says what is wrong.
 *
 * What is beyond the bounds on content is refused before the decoder builds anything: a
 * {@link BoundsError}.
 */
export function decodeItem(bytes: Uint8Array): readonly [item: unknown, rest: Uint8Array] {
  // What is cut off is for the decoder to say.
  new CborSkimmer(bytes, 0).skip()
  return decodeFirst(bytes)
}

/** Decodes an item that is all of `bytes`. */
export function decodeWhole(bytes: Uint8Array): unknown {
  const [item, rest] = decodeItem(bytes)
  if (rest.length > 0) throw new Error(`${rest.length} bytes follow the item`)
  return item
}
