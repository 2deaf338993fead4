import type { JetstreamEvent } from '../../events.js'
import type { TextBytes } from '../../socket/text-bytes.js'
import type { LazyReader } from './decoding.js'
import { defineRecord, keepText } from './lazy-record.js'
import { names } from './names.js'
import { number, object, type Scanner, type Shape, sharedScanner, string, type Value } from './scanner.js'

const DID_SLOT = 0
const TIME_SLOT = 1
const CURSOR_SLOT = 2
const REV_SLOT = 3
const OPERATION_SLOT = 4
const COLLECTION_SLOT = 5
const RKEY_SLOT = 6
const RECORD_SLOT = 7
const CID_SLOT = 8

/** What the shape of a commit is made of. */
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

/** One of the ways in which a wire writes its commits. */
export interface CommitShape {
  readonly shape: Shape
  /** The time is text, and no number of microseconds. */
  readonly microsecondsAt?: (bytes: Uint8Array, from: number, to: number) => number
  readonly hasCursor: boolean
  /** A delete has neither a record nor a CID; the others have both. */
  readonly hasRecord: boolean
  /** The last string. */
  readonly last: Value
}

/**
 * Reads commits as their servers write them, member for member, and leaves their records as text. `undefined` for everything else, which has to
 * be parsed then.
 */
export function lazyCommits(shapes: readonly CommitShape[]): LazyReader {
  const scanner = sharedScanner()
  if (scanner === undefined) return () => undefined
  const reader = new CommitReader(scanner, shapes)
  return (message) => reader.read(message)
}

class CommitReader {
  readonly #name = names()
  readonly #shapes: readonly (CommitShape & { readonly handle: number })[]

  constructor(
    private readonly scanner: Scanner,
    shapes: readonly CommitShape[],
  ) {
    this.#shapes = shapes.map((one) => ({ ...one, handle: scanner.prepare(one.shape) }))
  }

  read(message: TextBytes): JetstreamEvent | undefined {
    for (const shape of this.#shapes) if (this.scanner.matches(shape.handle, message)) return this.#read(message, shape)
    return undefined
  }

  #read({ chunk, from, to }: TextBytes, { hasCursor, hasRecord, microsecondsAt, last }: CommitShape): JetstreamEvent | undefined {
    const { scanner } = this
    const { isAscii } = scanner
    const strings = scanner.strings(chunk, last.slot)
    const time_us = microsecondsAt === undefined ? scanner.number(TIME_SLOT) : scanner.read(TIME_SLOT, microsecondsAt)
    const cursor = hasCursor ? scanner.number(CURSOR_SLOT) : undefined
    if (!isPosition(time_us) || (cursor !== undefined && !isPosition(cursor))) return undefined
    const operation = scanner.read(OPERATION_SLOT, this.#name)
    if (!isOperation(operation, hasRecord)) return undefined
    const json = chunk.latin1Slice(from, to)
    const collection = scanner.read(COLLECTION_SLOT, this.#name)
    const commit: Commit = { rev: scanner.string(REV_SLOT, strings), operation, collection, rkey: scanner.string(RKEY_SLOT, strings) }
    if (hasRecord) {
      defineRecord(commit, json, isAscii, scanner.from(RECORD_SLOT) - from, scanner.to(RECORD_SLOT) - from)
      commit.cid = scanner.string(CID_SLOT, strings)
    }
    const did = scanner.string(DID_SLOT, strings)
    // Member for member in the order of wire v1.
    const event = cursor === undefined ? { did, time_us, kind: 'commit', commit } : { did, time_us, cursor, kind: 'commit', commit }
    return keepText(event as JetstreamEvent, json, isAscii)
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
