import { isObject } from '../../../internal/json.js'

/** The answer to `planSnapshot`. */
export interface RawPlan {
  readonly plannedThroughSeq: number
  readonly sealedTipSeq: number
  readonly segments: readonly RawSegment[]
}

interface RawSegment {
  readonly name: string
  readonly index: number
  readonly checksum: string
  readonly minSeq: number
  readonly maxSeq: number
  readonly mode: string
  readonly blocks: readonly BlockRange[]
}

/** Indices of blocks, both inclusive. */
export interface BlockRange {
  readonly first: number
  readonly last: number
}

/** A segment as `listSegments` tells of it. */
export interface ListedSegment {
  readonly name: string
  readonly eventCount: number
  readonly minSeq: number
  readonly maxSeq: number
  readonly maxWitnessedAt: number
  readonly sizeBytes: number
}

/** The answer to `listSegments`. */
export interface RawList {
  readonly segments: readonly ListedSegment[]
  readonly cursor: string | undefined
}

// Each block of a plan is an object of ours.
const MAX_BLOCKS = 2 ** 20

/** Throws an `Error` that says what is wrong. Members that servers add later are ignored. */
export function readPlan(value: unknown): RawPlan {
  const plan = members(value)
  return {
    plannedThroughSeq: whole(plan, 'plannedThroughSeq'),
    sealedTipSeq: whole(plan, 'sealedTipSeq'),
    segments: list(plan.segments).map((one) => {
      const segment = members(one)
      return {
        name: text(segment, 'name'),
        checksum: text(segment, 'checksum'),
        mode: text(segment, 'mode'),
        index: whole(segment, 'index'),
        minSeq: whole(segment, 'minSeq'),
        maxSeq: whole(segment, 'maxSeq'),
        blocks: list(segment.blocks ?? []).map(rangeOf),
      }
    }),
  }
}

/** Throws as {@link readPlan} does. */
export function readList(value: unknown): RawList {
  const { segments, cursor } = members(value)
  return {
    cursor: cursor === undefined || cursor === null ? undefined : String(cursor),
    segments: list(segments).map((one) => {
      const segment = members(one)
      return {
        name: text(segment, 'name'),
        eventCount: whole(segment, 'eventCount'),
        minSeq: whole(segment, 'minSeq'),
        maxSeq: whole(segment, 'maxSeq'),
        maxWitnessedAt: whole(segment, 'maxWitnessedAt'),
        sizeBytes: whole(segment, 'sizeBytes'),
      }
    }),
  }
}

function rangeOf(value: unknown): BlockRange {
  const range = members(value)
  const [first, last] = [whole(range, 'first'), whole(range, 'last')]
  if (last < first || last >= MAX_BLOCKS) throw new Error(`no range of blocks: ${first} to ${last}`)
  return { first, last }
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new Error('an object is missing')
  return value
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is missing')
  return value
}

function whole(object: Readonly<Record<string, unknown>>, name: string): number {
  const value = object[name]
  if (!Number.isSafeInteger(value) || Number(value) < 0)
    throw new Error(`\`${name}\` is no whole number`)
  return Number(value)
}

function text(object: Readonly<Record<string, unknown>>, name: string): string {
  const value = object[name]
  if (typeof value !== 'string') throw new Error(`\`${name}\` is no text`)
  return value
}
