import { gatherV2, lazyV2, rawV2 } from '#lazy'
import { timeUs } from '../../atproto/time.js'
import { type ConfigIssue, FrameError, RefusedError, ServerError, WireError } from '../../errors.js'
import type { JetstreamEvent } from '../../events.js'
import type { Layout } from '../../internal/bounded-json.js'
import { hasMore } from '../../internal/has-more.js'
import { isObject, type Json } from '../../internal/json.js'
import { parseContent } from '../../internal/parse-content.js'
import { Control } from '../../live/protocol.js'
import type { JetstreamProtocol, WireReaders } from './decoding.js'
import { type JetstreamFilters, largest } from './filters.js'
import { identityOf, recognising } from './identity.js'
import { readEvent } from './read-event.js'
import { textOfFrame } from './text-of-frame.js'
import { MAX_QUERY_LENGTH, type WireOptions } from './wire-options.js'

export const V2_PATH = '/xrpc/network.bsky.jetstream.subscribeEvents'

const LAYOUT: Layout = { wrapper: 'payload', replaced: 'record' }

// A URL may have 10,000 parameters; `cursor`, `maxMessageSizeBytes` and `zstdDictionary` are not
// filters.
const MAX_FILTERS = 9997

// A time before the retention is moved to its beginning; a sequence number there is refused, 0 too.
const LONG_AGO = 1e15

/**
 * Wire v2: `network.bsky.jetstream.subscribeEvents`, in the framing `xrpc.v1.json`. Filters are
 * fixed for a connection's life.
 */
export function v2(
  host: string,
  filters: JetstreamFilters,
  options: WireOptions,
): JetstreamProtocol {
  const { maxFrameBytes, decoding } = options
  const { decoder, status } = options.compression
  const query = queryOf(filters)
  const misfit = misfitOfV2(filters)
  if (misfit !== undefined) throw new WireError(misfit.message)

  const readers: WireReaders = {
    lazy: lazyV2,
    raw: rawV2,
    gather: gatherV2,
    // The server applies all of them.
    wanted: undefined,
    parse(frame, finish) {
      const text = textOfFrame(frame, decoder, maxFrameBytes)
      const event = readMessage(parseContent('the frame', text, LAYOUT, positionInV2))
      return event instanceof Control ? event : finish(event, text)
    },
    inflate: decoder && ((frame) => decoder.inflate(frame, maxFrameBytes)),
  }

  return {
    host,
    subprotocol: 'xrpc.v1.json',
    wire: 'v2',
    takesTimes: true,
    // It refuses a sequence number, and reports a time that it moved in an `#info`.
    tellsFloor: true,
    floorOf,
    oldest: LONG_AGO,
    compression: status,
    leavesOutLargeFrames: true,
    // A decoder copies into memory of its own.
    keepsNoFrame: true,

    url({ cursor, leaveOutLargeFrames, unfiltered = false }) {
      const url = new URL(host)
      const size = largest(filters, leaveOutLargeFrames, maxFrameBytes)
      for (const [name, value] of unfiltered ? [] : query) url.searchParams.append(name, value)
      if (cursor !== undefined) url.searchParams.set('cursor', String(cursor))
      if (size !== undefined) url.searchParams.set('maxMessageSizeBytes', String(size))
      if (decoder !== undefined)
        url.searchParams.set('zstdDictionary', String(decoder.dictionaryId))
      return url.href
    },

    readers,
    ...decoding.of(readers),

    refused: (error) =>
      error instanceof RefusedError && error.error === 'CursorTooOld' ? 'cursor' : undefined,
    wants: () => true,
    cursorOf: (event) => event.cursor as number,
    timeOf: (event) => event.time_us,
    identityOf,
    recognising,
  }
}

// A refusal says `cursor 1020 below lookback floor 1090`, an OutdatedCursor
// `requested timestamp cursor below retention floor; starting at seq 1090`.
function floorOf(message: string): number | undefined {
  const [, floor] = /\b(?:floor|starting at seq) (\d{1,15})\b/.exec(message) ?? []
  return floor === undefined ? undefined : Number(floor)
}

/** Why wire v2 cannot be asked for the filters; wire v1 takes all of them. */
export function misfitOfV2(filters: JetstreamFilters): ConfigIssue | undefined {
  const short = filters.collections?.findIndex(isShort) ?? -1
  if (short >= 0)
    return {
      option: `collections.${short}`,
      message:
        `wire v2 takes no prefix of one label, such as ${filters.collections?.[short]}; ` +
        "set `wire: 'v1'`, or write two",
    }
  const { length } = queryOf(filters)
  if (length > MAX_FILTERS)
    return {
      option: 'dids',
      message:
        `wire v2 takes ${MAX_FILTERS} filters in all, not ${length}; ` +
        "set `wire: 'v1'`, or list fewer `dids`",
    }
  return undefined
}

/** Whether a proxy may refuse the URL. */
export const isLongForV2 = (filters: JetstreamFilters): boolean =>
  new URLSearchParams(queryOf(filters).map((pair) => [...pair])).toString().length >
  MAX_QUERY_LENGTH

/** `app.*`: the head of a prefix must be the beginning of an NSID there, which has two labels. */
const isShort = (collection: string): boolean =>
  collection.endsWith('.*') && collection.indexOf('.') === collection.length - 2

const queryOf = ({
  collections = [],
  dids = [],
  kinds = [],
}: JetstreamFilters): readonly (readonly [string, string])[] => [
  ...[...new Set(kinds)].map((kind) => ['kinds', kind] as const),
  ...[...new Set(collections)].map((nsid) => ['collections', nsid] as const),
  ...[...new Set(dids)].map((did) => ['dids', did] as const),
]

function readMessage(message: unknown): JetstreamEvent | Control {
  if (!isObject(message)) throw new FrameError('the frame is no object')
  const { $type, payload } = message
  if ($type === 'error') throw new ServerError(String(message.error), String(message.message ?? ''))
  if ($type !== 'message' || !isObject(payload)) return new Control(String($type))
  return readPayload(payload)
}

const COMMIT = 'network.bsky.jetstream.subscribeEvents#commit'

/**
 * Returns the event in the form of wire v1. Kinds and members that servers add later pass as they
 * are. A message without a position is a notice.
 */
function readPayload(payload: Json): JetstreamEvent | Control {
  const { $type, seq } = payload
  return seq === undefined || $type !== COMMIT ? readOther(payload) : readCommit(payload)
}

function readCommit(payload: Json): JetstreamEvent {
  const { seq, did, time, witnessedAt } = payload
  const event = {
    did,
    time_us: timeUs(time),
    cursor: seq,
    kind: 'commit',
    commit: commitOf(payload),
  }
  return readEvent(witnessedAt === undefined ? event : { ...event, witnessedAt })
}

// `$type`, `seq`, `did`, `time`, `rev`, `operation`, `collection` and `rkey`, all of which a commit
// needs.
const COMMIT_MEMBERS = 8

/** The commit in a payload: all members but those of the envelope. */
function commitOf(payload: Json): Json {
  const { rev, operation, collection, rkey, record, cid } = payload
  // The members of nearly all commits. A rest or a spread would cost as much as the parsing.
  const commit: { record?: unknown; cid?: unknown; [name: string]: unknown } = {
    rev,
    operation,
    collection,
    rkey,
  }
  let known = COMMIT_MEMBERS
  if (payload.witnessedAt !== undefined) known += 1
  if (record !== undefined) {
    commit.record = record
    known += 1
  }
  if (cid !== undefined) {
    commit.cid = cid
    known += 1
  }
  return hasMore(payload, known) ? wholeCommit(commit, payload) : commit
}

function wholeCommit(commit: Json, { $type, seq, did, time, witnessedAt, ...members }: Json): Json {
  return { ...commit, ...members }
}

function readOther(payload: Json): JetstreamEvent | Control {
  const { $type, seq, did, time, ...members } = payload
  const kind = String($type).replace(/^.*#/, '')
  if (seq === undefined)
    return new Control(String(payload.name ?? kind), String(payload.message ?? ''))
  if (kind === 'commit') return readCommit(payload)
  const envelope = { did, time_us: timeUs(time), cursor: seq, kind }
  // Members with the names of the envelope do not replace it.
  return readEvent({ ...envelope, ...members, ...envelope })
}

// At the very end, after all that strangers can write into an event: the body of an identity has a
// `seq` and a `time` too.
const PLACE = /"seq":(\d{1,15}),"time":"([^"]+)"(?:,"witnessedAt":"[^"]*")?\}\}\s*$/

function positionInV2(text: string): FrameError['place'] {
  const [, seq, time] = PLACE.exec(text) ?? []
  return seq === undefined ? undefined : { position: Number(seq), time_us: timeUs(time) }
}
