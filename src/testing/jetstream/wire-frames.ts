import { type Frame, FrameStore } from '../wire/frame-store.js'
import type { JetstreamRow } from './log.js'
import { toV1, toV2 } from './translate.js'

/**
 * The frames of a log's rows on each wire. A row is translated once, when the first connection
 * wants it; the row keeps the result.
 */
export class WireFrames {
  readonly #frames = new FrameStore()

  /** `undefined` for a row that wire v1 never sends. */
  v1(row: JetstreamRow): Frame | undefined {
    if (row.isResync) return undefined
    if (row.wire === 'v1') return row.kind === 'sync' ? undefined : row
    return this.#made(row, toV1) ?? undefined
  }

  /** A text that is not an event is sent unchanged. */
  v2(row: JetstreamRow): Frame {
    return row.wire === 'v2'
      ? row
      : (this.#made(row, (text) => toV2(text, row.seq, row.timeUs)) ?? row)
  }

  #made(row: JetstreamRow, translate: (text: string) => string | undefined): Frame | null {
    if (row.translated !== undefined) return row.translated
    const text = translate(row.slab.toString('utf8', row.payload, row.end))
    row.translated = text === undefined ? null : this.#frames.add(text)
    return row.translated
  }
}
