import { decodeFirst } from '@atcute/cbor'
import { CborSkimmer } from './cbor-skimmer.js'

/**
 * Decodes one DAG-CBOR item, in the strict form of AT Protocol: shortest lengths, sorted keys, no
 * tag but that of links, whole numbers within 2^53. A float that is finite passes, although the
 * data model has none. Throws an `Error` that says what is wrong.
 *
 * Throws {@link BoundsError} for content beyond the bounds, before the decoder builds anything.
 */
export function decodeItem(bytes: Uint8Array): readonly [item: unknown, rest: Uint8Array] {
  // Bytes that end too soon are reported by the decoder.
  new CborSkimmer(bytes, 0).skip()
  return decodeFirst(bytes)
}

/** Decodes `bytes` that are exactly one item. */
export function decodeWhole(bytes: Uint8Array): unknown {
  const [item, rest] = decodeItem(bytes)
  if (rest.length > 0) throw new Error(`${rest.length} bytes follow the item`)
  return item
}
