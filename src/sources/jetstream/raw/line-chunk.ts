import type { JetstreamEvent } from '../../../events.js'
import { internAscii } from '../../../internal/intern-ascii.js'
import type { SliceableBytes } from '../../../socket/text-bytes.js'
import { type JetstreamChunk, outOfRange } from './chunk.js'
import { COLLECTION, DID } from './form.js'
import { RawCommit } from './raw-commit.js'
import type { Rows } from './rows.js'
import { fromOf, toOf } from './span.js'

const nameAt = internAscii()

/** A chunk of lines that were scanned. Nothing is made of an event until it is asked for. */
export class LineChunk implements JetstreamChunk {
  constructor(
    private readonly bytes: SliceableBytes,
    private readonly rows: Rows,
    readonly length: number,
  ) {}

  get lines(): Uint8Array {
    return this.bytes
  }

  kind(index: number): string {
    return this.#parsed(index)?.kind ?? 'commit'
  }

  collection(index: number): string | undefined {
    const event = this.#parsed(index)
    if (event !== undefined) return event.kind === 'commit' ? event.commit.collection : undefined
    const [from, span] = [this.rows.from(index), this.rows.span(index, COLLECTION)]
    return nameAt(this.bytes, from + fromOf(span), from + toOf(span))
  }

  did(index: number): string {
    const event = this.#parsed(index)
    if (event !== undefined) return event.did
    const [from, span] = [this.rows.from(index), this.rows.span(index, DID)]
    return this.bytes.latin1Slice(from + fromOf(span), from + toOf(span))
  }

  text(index: number): string {
    this.#parsed(index)
    const [from, to] = [this.rows.from(index), this.rows.to(index)]
    return this.rows.isAscii(index)
      ? this.bytes.latin1Slice(from, to)
      : this.bytes.utf8Slice(from, to)
  }

  event(index: number): JetstreamEvent {
    const parsed = this.#parsed(index)
    if (parsed !== undefined) return parsed
    const text = this.bytes.latin1Slice(this.rows.from(index), this.rows.to(index))
    return new RawCommit(this.rows.valuesOf(index), text) as unknown as JetstreamEvent
  }

  *[Symbol.iterator](): Iterator<JetstreamEvent> {
    for (let index = 0; index < this.length; index += 1) yield this.event(index)
  }

  /** An event that has no form, and was parsed. */
  #parsed(index: number): JetstreamEvent | undefined {
    if (index >>> 0 !== index || index >= this.length) throw outOfRange(index, this.length)
    return this.rows.parsed(index)
  }
}
