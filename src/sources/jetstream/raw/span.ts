/**
 * A span of a text as one number: V8 keeps it in the object, where it would box a larger one. A
 * text that the scanner takes has at most 2^18 bytes.
 */
const LENGTH_BITS = 13

/** The longest span. */
export const MOST_LENGTH = (1 << LENGTH_BITS) - 1

export const packed = (from: number, length: number): number => (from << LENGTH_BITS) | length

export const fromOf = (span: number): number => span >>> LENGTH_BITS

export const toOf = (span: number): number => (span >>> LENGTH_BITS) + (span & MOST_LENGTH)

/** The characters of a span. */
export const cut = (text: string, span: number): string => text.slice(fromOf(span), toOf(span))
