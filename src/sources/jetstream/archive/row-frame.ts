import type { JetstreamEvent } from '../../../events.js'
import { sliceable } from '../../../internal/slice-text.js'
import type { Frame } from '../../../socket/frame.js'
import { type SliceableBytes, TextBytes } from '../../../socket/text-bytes.js'
import type { Block } from './block.js'
import type { RowReader } from './rows.js'

const NOTHING = new Uint8Array() as SliceableBytes

/**
 * The row that a block stands at, in the form in which a socket delivers messages that are read in
 * place. One for a connection: nothing is allocated for a row.
 */
export class RowFrame extends TextBytes {
  constructor(
    public block: Block,
    private readonly rows: RowReader,
    private readonly payloads: Payloads,
  ) {
    super(NOTHING, 0, 0)
  }

  read(): JetstreamEvent {
    const { block, payloads } = this
    const from = payloads.put(block)
    return this.rows.read(block, payloads.bytes, from)
  }

  /** The payload, for a reject. */
  override toFrame(): Frame {
    return Uint8Array.prototype.slice.call(
      this.block.bytes,
      this.block.payload,
      this.block.payloadEnd,
    )
  }
}

/** All rows up to a position were delivered. */
export class PassedFrame extends TextBytes {
  /** `time_us`: when the row at it was witnessed; 0 if that is not known. */
  constructor(
    readonly position: number,
    readonly time_us: number,
  ) {
    super(NOTHING, 0, 0)
  }
}

const SLAB_BYTES = 65_536

/**
 * Copies of payloads, which events keep until they are read. An event that is kept unread would
 * otherwise keep all of its block, and no block could be freed before a collection.
 */
export interface Payloads {
  readonly bytes: Uint8Array
  /** Copies the payload of the current row to {@link bytes}, and returns where it begins there. */
  put(block: Block): number
}

/** Where most rows of a block are wanted: copies them many at a time. */
export class PayloadRun implements Payloads {
  bytes: Uint8Array = new Uint8Array()
  #block: Block | undefined
  #from = 0
  #to = 0

  put(block: Block): number {
    if (block !== this.#block || block.payloadEnd > this.#to) {
      this.#block = block
      this.#from = block.payload
      this.#to = Math.max(block.payloadEnd, block.payload + SLAB_BYTES)
      const copy = Uint8Array.prototype.slice.call(block.bytes, this.#from, this.#to)
      this.bytes = sliceable(copy)
    }
    return block.payload - this.#from
  }
}

/** Where filters leave few rows of a block. */
export class PayloadSlab implements Payloads {
  bytes: Uint8Array = new Uint8Array()
  #at = 0

  put({ bytes: source, payload: from, payloadEnd: to }: Block): number {
    const length = to - from
    if (length > this.bytes.length - this.#at) {
      this.bytes = sliceable(new Uint8Array(Math.max(SLAB_BYTES, length)))
      this.#at = 0
    }
    const at = this.#at
    if (length > 0) this.bytes.set(source.subarray(from, to), at)
    this.#at += length
    return at
  }
}
