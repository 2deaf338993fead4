interface NodeBytes extends Uint8Array {
  utf8Slice(from: number, to: number): string
  latin1Slice(from: number, to: number): string
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * The same bytes, in the form from which text is cut fastest: a buffer in Node, themselves in a
 * browser.
 */
export const sliceable = (bytes: Uint8Array): Uint8Array =>
  typeof Buffer === 'undefined' || bytes instanceof Buffer
    ? bytes
    : Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)

/** The text of UTF-8 in {@link sliceable} bytes. Broken UTF-8 becomes replacement characters. */
export const sliceUtf8 = (bytes: Uint8Array, from: number, to: number): string =>
  'utf8Slice' in bytes
    ? (bytes as NodeBytes).utf8Slice(from, to)
    : decoder.decode(bytes.subarray(from, to))

/** The text of ASCII in {@link sliceable} bytes. */
export const sliceAscii = (bytes: Uint8Array, from: number, to: number): string =>
  'latin1Slice' in bytes
    ? (bytes as NodeBytes).latin1Slice(from, to)
    : String.fromCharCode(...bytes.subarray(from, to))
