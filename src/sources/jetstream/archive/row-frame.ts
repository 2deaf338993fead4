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
    private readonly payloads: PayloadSlab | undefined,
  ) {
    super(NOTHING, 0, 0)
  }

  read(): JetstreamEvent {
    const { block, payloads } = this
    if (payloads === undefined) return this.rows.read(block, block.bytes, block.payload)
    const from = payloads.put(block.bytes, block.payload, block.payloadEnd)
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
  constructor(readonly position: number) {
    super(NOTHING, 0, 0)
  }
}

const SLAB_BYTES = 65_536

/**
 * Copies of payloads, where filters leave few rows of a block: an event that is kept unread would
 * otherwise keep all of its block.
 */
export class PayloadSlab {
  bytes: Uint8Array = new Uint8Array()
  #at = 0

  /** Copies a payload into {@link bytes}, and returns where it begins. */
  put(source: Uint8Array, from: number, to: number): number {
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
