import type { Row } from './row.js'

// The lengths of a row's three texts.
const LENGTHS = 12

/**
 * Rows as one argument of a script: of each its name, field and value, with their lengths before
 * them. Arguments of their own would cost more, in the client and in Redis; and one text with a
 * character that takes two bytes would make the client's whole command as wide.
 */
export function packRows(rows: readonly Row[]): Uint8Array {
  let size = 0
  for (const { id, field } of rows)
    size += LENGTHS + id.length + field[0].length + Buffer.byteLength(field[1])
  const packed = Buffer.allocUnsafe(size)
  let at = 0
  for (const { id, field } of rows) {
    at = writeText(packed, id, at)
    at = writeText(packed, field[0], at)
    at = writeText(packed, field[1], at)
  }
  return packed
}

/** Returns where the next text begins. */
function writeText(packed: Buffer, text: string, at: number): number {
  const length = packed.write(text, at + 4)
  packed.writeUInt32BE(length, at)
  return at + 4 + length
}
