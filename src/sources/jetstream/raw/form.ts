import { number, object, type Shape, span } from '../lazy/scanner.js'

// The slots of the scanner.
export const DID = 0
export const TIME = 1
export const CURSOR = 2
export const REV = 3
export const COLLECTION = 4
export const RKEY = 5
export const RECORD = 6
export const CID = 7
export const WITNESSED_AT = 8

export type Operation = 'create' | 'update' | 'delete'

/** One way in which servers write a commit. */
export interface Form {
  /** Its index among the forms of its wire. */
  readonly id: number
  /** The forms of one variant differ before the record. */
  readonly variant: number
  readonly wire: 'v1' | 'v2'
  readonly operation: Operation
  readonly hasCursor: boolean
  /** A delete has neither a record nor a CID; the others have both. */
  readonly hasRecord: boolean
  readonly isWitnessed: boolean
  readonly shape: Shape
}

type Unnumbered = Omit<Form, 'id' | 'variant'>

const ALL = ['create', 'update', 'delete'] as const

const formV1 = (operation: Operation, hasCursor: boolean): Unnumbered => {
  const hasRecord = operation !== 'delete'
  const shape: Shape = [
    ...['{"did":"', span(DID), '","time_us":', number(TIME)],
    ...(hasCursor ? [',"cursor":', number(CURSOR)] : []),
    ...[',"kind":"commit","commit":{"rev":"', span(REV)],
    ...[`","operation":"${operation}","collection":"`, span(COLLECTION), '","rkey":"', span(RKEY)],
    ...(hasRecord ? ['","record":', object(RECORD), ',"cid":"', span(CID)] : []),
    '"}}',
  ]
  return { wire: 'v1', operation, hasCursor, hasRecord, isWitnessed: false, shape }
}

const COMMIT_V2 =
  '{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit",'

/** Wire v2 sorts the members by name. The newest servers add `witnessedAt`. */
const formV2 = (operation: Operation, isWitnessed: boolean): Unnumbered => {
  const hasRecord = operation !== 'delete'
  const shape: Shape = [
    ...(hasRecord
      ? [`${COMMIT_V2}"cid":"`, span(CID), '","collection":"']
      : [`${COMMIT_V2}"collection":"`]),
    ...[span(COLLECTION), '","did":"', span(DID), `","operation":"${operation}","`],
    ...(hasRecord ? ['record":', object(RECORD), ',"'] : []),
    ...[
      'rev":"',
      span(REV),
      '","rkey":"',
      span(RKEY),
      '","seq":',
      number(CURSOR),
      ',"time":"',
      span(TIME),
    ],
    ...(isWitnessed ? ['","witnessedAt":"', span(WITNESSED_AT)] : []),
    '"}}',
  ]
  return { wire: 'v2', operation, hasCursor: true, hasRecord, isWitnessed, shape }
}

const formsOf = (formOf: (operation: Operation, flag: boolean) => Unnumbered): readonly Form[] =>
  [false, true]
    .flatMap((flag) => ALL.map((operation) => formOf(operation, flag)))
    .map((form, id) => ({ id, variant: Math.floor(id / ALL.length), ...form }))

/** How servers of wire v1 write commits: the most frequent form first. */
export const FORMS_V1: readonly Form[] = formsOf(formV1)

/** As {@link FORMS_V1}, of wire v2. */
export const FORMS_V2: readonly Form[] = formsOf(formV2)
