import { timeUsAt } from '../../../atproto/time.js'
import type { JetstreamEvent } from '../../../events.js'
import { internAscii } from '../../../internal/intern-ascii.js'
import type { TextBytes } from '../../../socket/text-bytes.js'
import type { LazyReader } from '../decoding.js'
import { keepText } from './raw-text.js'
import { defineRecord } from './record.js'
import { number, object, type Scanner, type Shape, sharedScanner, string } from './scanner.js'

const DID_SLOT = 0
const TIME_SLOT = 1
const CURSOR_SLOT = 2
const REV_SLOT = 3
const OPERATION_SLOT = 4
const COLLECTION_SLOT = 5
const RKEY_SLOT = 6
const RECORD_SLOT = 7
const CID_SLOT = 8
const WITNESSED_AT_SLOT = 9

/** The values in the shape of a commit. */
export const DID = string(DID_SLOT)
export const TIME_US = number(TIME_SLOT)
export const TIME = string(TIME_SLOT)
export const CURSOR = number(CURSOR_SLOT)
export const REV = string(REV_SLOT)
export const OPERATION = string(OPERATION_SLOT)
export const COLLECTION = string(COLLECTION_SLOT)
export const RKEY = string(RKEY_SLOT)
export const RECORD = object(RECORD_SLOT)
export const CID = string(CID_SLOT)
export const WITNESSED_AT = string(WITNESSED_AT_SLOT)

/**
 * Reads commits that are written exactly as servers write them, and leaves their records as text.
 * Returns `undefined` for everything else, which is then parsed.
 */
export function lazyCommits(shapes: readonly Shape[]): LazyReader {
  let reader: CommitReader | undefined
  return (message) => {
    // Made for the first message: a browser never has one in bytes.
    const scanner = sharedScanner()
    if (scanner === undefined) return undefined
    reader ??= new CommitReader(scanner, shapes)
    return reader.read(message)
  }
}

interface Prepared {
  readonly handle: number
  readonly hasCursor: boolean
  /** A delete has neither a record nor a CID; the others have both. */
  readonly hasRecord: boolean
  readonly hasTimeAsText: boolean
  readonly isWitnessed: boolean
}

class CommitReader {
  readonly #names = internAscii()
  // The shape that matched last is tried first: another may differ only after the record, which
  // would be scanned twice.
  readonly #shapes: Prepared[]

  constructor(
    private readonly scanner: Scanner,
    shapes: readonly Shape[],
  ) {
    this.#shapes = shapes.map((shape) => ({
      handle: scanner.prepare(shape),
      hasCursor: shape.includes(CURSOR),
      hasRecord: shape.includes(RECORD),
      hasTimeAsText: shape.includes(TIME),
      isWitnessed: shape.includes(WITNESSED_AT),
    }))
  }

  read(message: TextBytes): JetstreamEvent | undefined {
    const { scanner } = this
    for (let index = 0; index < this.#shapes.length; index += 1) {
      const shape = this.#shapes[index] as Prepared
      if (!scanner.matches(shape.handle, message)) continue
      if (index > 0 && shape.hasRecord) this.#promote(index)
      return this.#event(message, shape)
    }
    return undefined
  }

  #promote(index: number): void {
    this.#shapes.unshift(...this.#shapes.splice(index, 1))
  }

  #event(
    { chunk, from, to }: TextBytes,
    { hasCursor, hasRecord, hasTimeAsText, isWitnessed }: Prepared,
  ): JetstreamEvent | undefined {
    const { scanner } = this
    const time_us = hasTimeAsText ? this.#timeOf() : scanner.number(TIME_SLOT)
    const cursor = hasCursor ? scanner.number(CURSOR_SLOT) : undefined
    const operation = this.#name(OPERATION_SLOT)
    if (
      !isPosition(time_us) ||
      (cursor !== undefined && !isPosition(cursor)) ||
      !isOperation(operation, hasRecord)
    )
      return undefined
    const { isAscii } = scanner
    const json = chunk.latin1Slice(from, to)
    const strings = scanner.strings(chunk)
    const collection = this.#name(COLLECTION_SLOT)
    const commit: Commit = {
      rev: scanner.string(REV_SLOT, strings),
      operation,
      collection,
      rkey: scanner.string(RKEY_SLOT, strings),
    }
    if (hasRecord) {
      defineRecord(
        commit,
        json,
        isAscii,
        scanner.from(RECORD_SLOT) - from,
        scanner.to(RECORD_SLOT) - from,
      )
      commit.cid = scanner.string(CID_SLOT, strings)
    }
    const did = scanner.string(DID_SLOT, strings)
    // The members are in the order of wire v1.
    const event =
      cursor === undefined
        ? { did, time_us, kind: 'commit', commit }
        : { did, time_us, cursor, kind: 'commit', commit }
    if (isWitnessed)
      (event as { witnessedAt?: string }).witnessedAt = scanner.string(WITNESSED_AT_SLOT, strings)
    return keepText(event as JetstreamEvent, json, isAscii)
  }

  #name(slot: number): string {
    const { memory } = this.scanner
    return this.#names(memory, this.scanner.stringFrom(slot), this.scanner.stringTo(slot))
  }

  #timeOf(): number {
    const { memory } = this.scanner
    return timeUsAt(memory, this.scanner.stringFrom(TIME_SLOT), this.scanner.stringTo(TIME_SLOT))
  }
}

type Operation = 'create' | 'update' | 'delete'

interface Commit {
  rev: string
  operation: Operation
  collection: string
  rkey: string
  cid?: string
}

const isPosition = (value: number): boolean => Number.isSafeInteger(value) && value > 0

const isOperation = (operation: string, hasRecord: boolean): operation is Operation =>
  hasRecord ? operation === 'create' || operation === 'update' : operation === 'delete'
