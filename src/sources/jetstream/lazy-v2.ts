import type { LazyReader } from './decoding.js'
import { CID, COLLECTION, CURSOR, DID, lazyCommits, OPERATION, RECORD, REV, RKEY, TIME } from './lazy-commits.js'
import type { Shape } from './scanner.js'

/** Members are sorted. */
const commit = (hasRecord: boolean): Shape => [
  '{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit",',
  ...(hasRecord ? ['"cid":"', CID, '",'] : []),
  ...['"collection":"', COLLECTION, '","did":"', DID, '","operation":"', OPERATION, '",'],
  ...(hasRecord ? ['"record":', RECORD, ','] : []),
  ...['"rev":"', REV, '","rkey":"', RKEY, '","seq":', CURSOR, ',"time":"', TIME, '"}}'],
]

const SHAPES = [commit(true), commit(false)]

/** Reads the commits of wire v2. */
export const lazyV2 = (): LazyReader => lazyCommits(SHAPES)
