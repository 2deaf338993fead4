import { sliceable } from '../../../internal/slice-text.js'
import { Damaged } from './damaged.js'
import { freeBytes } from './free-bytes.js'

// What the servers write at most.
const MAX_ROWS = 262_144
const COUNT_BYTES = 4
// The columns of one row: seq, witnessed at, indexed at, kind, and five lengths.
const ROW_BYTES = 34
const [SEQ, WITNESSED, INDEXED, KIND] = [0, 8, 16, 24]
const [COLLECTION, DID, RKEY, REV, PAYLOAD] = [25, 26, 28, 29, 30]
const HIGH = 2 ** 32
// What a decoder may leave at the end of its output.
const ROOM_BYTES = 64

/**
 * The rows of one block that was inflated, read one after the other. A block has columns: {@link
 * next} moves a place in each of them, and allocates nothing.
 */
export class Block {
  /** In the form from which text is cut fastest. */
  readonly bytes: Uint8Array
  readonly rows: number
  /** The current row, from 0. */
  row = -1
  seq = 0
  kind = 0
  collection = 0
  did = 0
  rkey = 0
  rev = 0
  payload = 0
  // Where the text of each column ends, in the current row.
  collectionEnd: number
  didEnd: number
  rkeyEnd: number
  revEnd: number
  payloadEnd: number
  readonly #view: DataView

  /** Throws {@link Damaged} unless all lengths fit and seqs rise inside the range. */
  constructor(bytes: Uint8Array, after: number, last: number) {
    this.bytes = sliceable(bytes)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.rows = bytes.length < COUNT_BYTES ? -1 : this.#view.getUint32(0, true)
    const head = COUNT_BYTES + this.rows * ROW_BYTES
    if (this.rows < 0 || this.rows > MAX_ROWS || head > bytes.length)
      throw new Damaged(`a block of ${bytes.length} bytes says that it has ${this.rows} rows`)
    this.collectionEnd = head
    this.didEnd = this.collectionEnd + this.#sum(COLLECTION, 1)
    this.rkeyEnd = this.didEnd + this.#sum(DID, 2)
    this.revEnd = this.rkeyEnd + this.#sum(RKEY, 1)
    this.payloadEnd = this.revEnd + this.#sum(REV, 1)
    const end = this.payloadEnd + this.#sum(PAYLOAD, 4)
    if (end !== bytes.length)
      throw new Damaged(`the columns of a block take ${end} bytes of ${bytes.length}`)
    this.#checkSeqs(after, last)
  }

  /** Moves to the next row. Returns false behind the last one. */
  next(): boolean {
    this.row += 1
    if (this.row >= this.rows) return false
    const view = this.#view
    this.seq = this.#seqOf(this.row)
    this.kind = view.getUint8(this.#at(KIND, 1))
    this.collection = this.collectionEnd
    this.collectionEnd += view.getUint8(this.#at(COLLECTION, 1))
    this.did = this.didEnd
    this.didEnd += view.getUint16(this.#at(DID, 2), true)
    this.rkey = this.rkeyEnd
    this.rkeyEnd += view.getUint8(this.#at(RKEY, 1))
    this.rev = this.revEnd
    this.revEnd += view.getUint8(this.#at(REV, 1))
    this.payload = this.payloadEnd
    this.payloadEnd += view.getUint32(this.#at(PAYLOAD, 4), true)
    return true
  }

  /** When the server saw the current row, in unix microseconds. */
  get witnessedUs(): number {
    return this.#time(WITNESSED)
  }

  /** The time that was imported for the current row, or 0. */
  get indexedUs(): number {
    return this.#time(INDEXED)
  }

  get firstSeq(): number {
    return this.rows === 0 ? 0 : this.#seqOf(0)
  }

  get lastSeq(): number {
    return this.rows === 0 ? 0 : this.#seqOf(this.rows - 1)
  }

  /** Frees the bytes. Without it they wait for a collection, which counts objects and not bytes. */
  free(): void {
    freeBytes(this.bytes, ROOM_BYTES)
  }

  get lastWitnessedUs(): number {
    return this.rows === 0 ? 0 : this.#time(WITNESSED, this.rows - 1)
  }

  #at(column: number, width: number, row = this.row): number {
    return COUNT_BYTES + column * this.rows + width * row
  }

  #seqOf(row: number): number {
    const at = COUNT_BYTES + SEQ * this.rows + 8 * row
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * HIGH
  }

  #time(column: number, row = this.row): number {
    const at = this.#at(column, 8, row)
    return this.#view.getUint32(at, true) + this.#view.getInt32(at + 4, true) * HIGH
  }

  #sum(column: number, width: 1 | 2 | 4): number {
    const from = COUNT_BYTES + column * this.rows
    const to = from + width * this.rows
    let sum = 0
    for (let at = from; at < to; at += width) {
      if (width === 1) sum += this.#view.getUint8(at)
      else if (width === 2) sum += this.#view.getUint16(at, true)
      else sum += this.#view.getUint32(at, true)
    }
    return sum
  }

  #checkSeqs(after: number, last: number): void {
    let before = after
    for (let row = 0; row < this.rows; row += 1) {
      const seq = this.#seqOf(row)
      if (seq <= before || seq > last)
        throw new Damaged(`a block has seq ${seq} where one from ${before + 1} to ${last} belongs`)
      before = seq
    }
  }
}
