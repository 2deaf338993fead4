import { BytesWrapper } from '@atcute/cbor'
import { isPlainObject } from '../../atproto/frame.js'
import { toJson } from '../../atproto/json.js'
import { BoundsError } from '../../internal/content-bounds.js'

/**
 * A label, or the end of one, with the members of `com.atproto.label.defs#label` as the labeler
 * wrote them, and its frame's `seq`. For what was signed, take `seq` and `sig` away.
 */
export interface LabelEvent {
  /** The position of the frame in the labeler's log. The labels of one frame share it. */
  readonly seq: number
  readonly ver?: number
  /** The DID of the labeler. */
  readonly src: string
  /** What is labelled: the at-uri of a record, or the DID of an account. */
  readonly uri: string
  /** The version of the record that is meant; absent: every one. */
  readonly cid?: string
  readonly val: string
  /** The label of the same `src`, `uri`, `cid` and `val` holds no more. Absent unless true. */
  readonly neg?: boolean
  /** When it was made: RFC 3339. */
  readonly cts: string
  /** From when on it does not hold any more: RFC 3339. Nobody sends a word when that time comes. */
  readonly exp?: string
  /** Base64. Nothing is verified here. */
  readonly sig?: { readonly $bytes: string }
}

const TEXT = (value: unknown): boolean => typeof value === 'string'
const REQUIRED = { src: TEXT, uri: TEXT, val: TEXT, cts: TEXT } as const
const OPTIONAL = {
  ver: Number.isSafeInteger as (value: unknown) => boolean,
  cid: TEXT,
  neg: (value: unknown): boolean => typeof value === 'boolean',
  exp: TEXT,
  sig: (value: unknown): boolean => value instanceof BytesWrapper,
} as const

/**
 * Reads one label of a frame; members that a labeler adds stay. Returns what is wrong with one that
 * cannot be read.
 */
export function readLabel(value: unknown, seq: number): LabelEvent | string {
  if (value instanceof Error) return `the label is ${messageIn(value)}`
  if (!isPlainObject(value)) return 'the label is no object'
  for (const [name, isRight] of Object.entries(REQUIRED)) {
    if (!isRight(value[name])) return `\`${name}\` of the label is missing`
  }
  for (const [name, isRight] of Object.entries(OPTIONAL)) {
    if (value[name] !== undefined && !isRight(value[name]))
      return `\`${name}\` of the label is of another type`
  }
  // A member of that name is nobody's position.
  const { seq: _, ...label } = toJson(value) as LabelEvent
  return { seq, ...label }
}

const messageIn = (error: Error): string =>
  error instanceof BoundsError ? error.message : `no DAG-CBOR: ${error.message}`
