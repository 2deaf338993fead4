import { BytesWrapper } from '@atcute/cbor'
import { isPlainObject } from '../../atproto/frame.js'
import { toJson } from '../../atproto/json.js'
import { BoundsError } from '../../internal/content-bounds.js'

/**
 * A label, or the negation of an earlier one. It has the members of `com.atproto.label.defs#label`
 * as the labeler wrote them, and the `seq` of its frame. The signed value is the label without
 * `seq` and `sig`.
 */
export interface LabelEvent {
  /** The position of the frame in the labeler's log. The labels of one frame share it. */
  readonly seq: number
  readonly ver?: number
  /** The DID of the labeler. */
  readonly src: string
  /** The subject of the label: the at-uri of a record, or the DID of an account. */
  readonly uri: string
  /** The CID of the labelled version of the record. Absent: all versions. */
  readonly cid?: string
  readonly val: string
  /** Negates the earlier label of the same `src`, `uri`, `cid` and `val`. Absent unless true. */
  readonly neg?: boolean
  /** When the label was created: RFC 3339. */
  readonly cts: string
  /** When the label expires: RFC 3339. The labeler sends no message at that time. */
  readonly exp?: string
  /** The signature, in base64. It is not verified. */
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
 * Reads one label of a frame, and keeps members that a labeler adds. Returns a message if the label
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
  // A member `seq` that the labeler adds is not the position of the frame.
  const { seq: _, ...label } = toJson(value) as LabelEvent
  return { seq, ...label }
}

const messageIn = (error: Error): string =>
  error instanceof BoundsError ? error.message : `no DAG-CBOR: ${error.message}`
