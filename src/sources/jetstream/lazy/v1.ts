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
  TIME_US,
} from './commits.js'
import type { Shape } from './scanner.js'

const commit = (hasCursor: boolean, hasRecord: boolean): Shape => [
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

const SHAPES = [commit(false, true), commit(true, true), commit(false, false), commit(true, false)]

/** Reads the commits of wire v1. */
export const lazyV1 = (): LazyReader => lazyCommits(SHAPES)
