import { isAscii, isUtf8 } from 'node:buffer'
import type { TextOf } from './dictionary-decoder.js'

// Two passes over bytes in cache are cheaper than one over a decoder that must be ready for
// anything.
export const textOf: TextOf = (bytes) => {
  const view = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)
  if (isAscii(view)) return view.toString('latin1')
  return isUtf8(view) ? view.toString('utf8') : undefined
}
