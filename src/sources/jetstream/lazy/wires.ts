import type { Gathering } from '../../../live/protocol.js'
import type { LazyReader, WireReaders } from '../decoding.js'
import type { JetstreamChunk } from '../raw/chunk.js'
import { FORMS_V1, FORMS_V2 } from '../raw/form.js'
import { gatherer } from '../raw/gatherer.js'
import { rawEvents } from '../raw/raw-reader.js'
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

/** Reads the commits of wire v1 for `decode: 'raw'`. */
export const rawV1 = (): LazyReader => rawEvents(FORMS_V1)

/** Reads the commits of wire v2 for `decode: 'raw'`. */
export const rawV2 = (): LazyReader => rawEvents(FORMS_V2)

type Gather = (readers: WireReaders) => Gathering<JetstreamChunk> | undefined

/** Gathers the events of wire v1 for `jetstreamChunks$`. */
export const gatherV1: Gather = (readers) => gatherer(FORMS_V1, readers)

/** Gathers the events of wire v2 for `jetstreamChunks$`. */
export const gatherV2: Gather = (readers) => gatherer(FORMS_V2, readers)
