import { hash } from 'node:crypto'

// A third of the price of a `Hash`, or of asking for a buffer at once: all but the hashing itself
// is the making of objects outside JavaScript.
export const sha256 = (bytes: Uint8Array): Uint8Array =>
  Buffer.from(hash('sha256', bytes, 'binary'), 'latin1')
