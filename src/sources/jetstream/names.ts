import { type ByteReader, Literal } from './byte-reader.js'

const SLOTS = 256

/** Collections by their bytes: there are few, and each is a string that was hashed long ago. */
export class Names {
  readonly #known: (Literal | undefined)[] = new Array(SLOTS).fill(undefined)

  /** The string that `reader` has just walked over. */
  read(reader: ByteReader): string {
    const { from, to } = reader
    const length = to - from
    if (length < 4) return reader.text()
    const slot = Math.imul(reader.lastWord ^ length, 0x9e3779b1) >>> 24
    const known = this.#known[slot]
    if (known !== undefined && known.length === length && reader.isAt(from, known)) return known.text
    const text = reader.text()
    this.#known[slot] = new Literal(text)
    return text
  }
}
