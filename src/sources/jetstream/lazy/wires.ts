import type { LazyReader } from '../decoding.js'
import {
  CID,
  COLLECTION,
  CURSOR,
  DID,
  lazyCommits,
  OPERATION,
  RECORD,
  REV,
  RKEY,
  TIME,
  TIME_US,
  WITNESSED_AT,
} from './commits.js'
import type { Shape } from './scanner.js'

const v1Commit = (hasCursor: boolean, hasRecord: boolean): Shape => [
  ...['{"did":"', DID, '","time_us":', TIME_US],
  ...(hasCursor ? [',"cursor":', CURSOR] : []),
  ...[
    ',"kind":"commit","commit":{"rev":"',
    REV,
    '","operation":"',
    OPERATION,
    '","collection":"',
    COLLECTION,
    '","rkey":"',
    RKEY,
  ],
  ...(hasRecord ? ['","record":', RECORD, ',"cid":"', CID] : []),
  '"}}',
]

const V1_SHAPES = [
  v1Commit(false, true),
  v1Commit(true, true),
  v1Commit(false, false),
  v1Commit(true, false),
]

/** Reads the commits of wire v1. */
export const lazyV1 = (): LazyReader => lazyCommits(V1_SHAPES)

/** Wire v2 sorts the members by name. */
const v2Commit = (hasRecord: boolean, isWitnessed: boolean): Shape => [
  '{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit",',
  ...(hasRecord ? ['"cid":"', CID, '",'] : []),
  ...['"collection":"', COLLECTION, '","did":"', DID, '","operation":"', OPERATION, '",'],
  ...(hasRecord ? ['"record":', RECORD, ','] : []),
  ...['"rev":"', REV, '","rkey":"', RKEY, '","seq":', CURSOR, ',"time":"', TIME],
  ...(isWitnessed ? ['","witnessedAt":"', WITNESSED_AT] : []),
  '"}}',
]

// The newest servers add `witnessedAt`.
const V2_SHAPES = [
  v2Commit(true, false),
  v2Commit(true, true),
  v2Commit(false, false),
  v2Commit(false, true),
]

/** Reads the commits of wire v2. */
export const lazyV2 = (): LazyReader => lazyCommits(V2_SHAPES)
