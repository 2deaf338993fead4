import { cborToJson } from '../../../atproto/cbor-json.js'
import { type EventFilters, type Wanted, wantedBy } from '../../../atproto/filters.js'
import type { RecordChecker } from '../../../atproto/records.js'
import { FrameError } from '../../../errors.js'
import type { JetstreamEvent } from '../../../events.js'
import { internAscii } from '../../../internal/intern-ascii.js'
import { messageOf } from '../../../internal/message-of.js'
import { sliceUtf8 } from '../../../internal/slice-text.js'
import { readEvent } from '../read-event.js'
import type { Block } from './block.js'
import { defineRecordAndCid, markArchived } from './lazy-commit.js'

// By the kind of a row. 7 is a create that a resync wrote.
const KINDS = ['', 'commit', 'commit', 'commit', 'identity', 'account', 'sync', 'commit'] as const
const OPERATIONS = ['', 'create', 'update', 'delete', '', '', '', 'create'] as const

// A collection is any text that somebody writes.
const MAX_KNOWN = 10_000

/** Makes events of rows: those that the socket sends for the same rows. */
export class RowReader {
  readonly #names = internAscii()
  readonly #wantsKind: Wanted
  readonly #wantsDid: Wanted | undefined
  readonly #wantsCollection: Wanted | undefined
  readonly #known = new Map<string, boolean>()

  constructor(
    { collections, dids, kinds }: EventFilters,
    private readonly checker: RecordChecker,
  ) {
    this.#wantsKind = wantedBy({ kinds })
    this.#wantsDid = dids === undefined ? undefined : wantedBy({ dids })
    this.#wantsCollection = collections === undefined ? undefined : wantedBy({ collections })
  }

  /**
   * Whether the filters want the current row of a block. Exact, where a plan is not: it takes whole
   * blocks. No text is made that no filter needs.
   */
  wants(block: Block): boolean {
    const kind = KINDS[block.kind] ?? ''
    if (!this.#wantsKind(kind, '')) return false
    if (kind === 'commit' && !this.#isCollectionWanted(block)) return false
    return this.#wantsDid?.(kind, this.#did(block)) ?? true
  }

  #isCollectionWanted(block: Block): boolean {
    if (this.#wantsCollection === undefined) return true
    const collection = this.#collection(block)
    const known = this.#known.get(collection)
    if (known !== undefined) return known
    const isWanted = this.#wantsCollection('commit', '', collection)
    if (this.#known.size < MAX_KNOWN) this.#known.set(collection, isWanted)
    return isWanted
  }

  /**
   * The event of the current row; its payload is in `payloads` from `from` on. Throws `FrameError`
   * with the row's position.
   */
  read(block: Block, payloads: Uint8Array, from: number): JetstreamEvent {
    const time_us = block.indexedUs || block.witnessedUs
    if (time_us <= 0 || !Number.isSafeInteger(time_us))
      throw broken(block, 0, `its time is no position: ${time_us}`)
    const to = from + block.payloadEnd - block.payload
    const operation = OPERATIONS[block.kind]
    if (!operation) return this.#marker(block, time_us, payloads, from)
    const commit = {
      rev: sliceUtf8(block.bytes, block.rev, block.revEnd),
      operation,
      collection: this.#collection(block),
      rkey: sliceUtf8(block.bytes, block.rkey, block.rkeyEnd),
    }
    if (operation === 'delete') markArchived(commit)
    else defineRecordAndCid(commit, payloads, from, to)
    const did = this.#did(block)
    const event = { did, time_us, cursor: block.seq, kind: 'commit', commit } as JetstreamEvent
    const wrong = this.checker.check(event)
    if (wrong !== undefined) throw wrong
    return event
  }

  #marker(block: Block, time_us: number, payloads: Uint8Array, from: number): JetstreamEvent {
    const kind = KINDS[block.kind]
    if (!kind) throw broken(block, time_us, `its kind is unknown: ${block.kind}`)
    const envelope = { did: this.#did(block), time_us, cursor: block.seq, kind }
    const body = bodyOf(block, time_us, payloads, from)
    const event = readEvent({ ...envelope, [kind]: body })
    markArchived(event)
    return event
  }

  #did(block: Block): string {
    return sliceUtf8(block.bytes, block.did, block.didEnd)
  }

  #collection({ bytes, collection, collectionEnd }: Block): string {
    return collection === collectionEnd ? '' : this.#names(bytes, collection, collectionEnd)
  }
}

function bodyOf(block: Block, time_us: number, payloads: Uint8Array, from: number): unknown {
  try {
    return cborToJson(payloads, from, from + block.payloadEnd - block.payload)
  } catch (error) {
    throw broken(block, time_us, `its payload cannot be decoded: ${messageOf(error)}`)
  }
}

const broken = (block: Block, time_us: number, why: string): FrameError =>
  new FrameError(`the row ${block.seq} of the archive cannot be read: ${why}`, {
    position: block.seq,
    time_us,
  })
