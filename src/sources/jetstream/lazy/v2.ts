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
  WITNESSED_AT,
} from './commits.js'
import type { Shape } from './scanner.js'

/** Members are sorted by name. */
const commit = (hasRecord: boolean, isWitnessed: boolean): Shape => [
  '{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit",',
  ...(hasRecord ? ['"cid":"', CID, '",'] : []),
  ...['"collection":"', COLLECTION, '","did":"', DID, '","operation":"', OPERATION, '",'],
  ...(hasRecord ? ['"record":', RECORD, ','] : []),
  ...['"rev":"', REV, '","rkey":"', RKEY, '","seq":', CURSOR, ',"time":"', TIME],
  ...(isWitnessed ? ['","witnessedAt":"', WITNESSED_AT] : []),
  '"}}',
]

// The newest servers add `witnessedAt`.
const SHAPES = [commit(true, false), commit(true, true), commit(false, false), commit(false, true)]

/** Reads the commits of wire v2. */
export const lazyV2 = (): LazyReader => lazyCommits(SHAPES)
