import { collectionOf } from '../../atproto/event-fields.js'
import {
  type EventFilters,
  eventFiltersShape,
  filterLists,
  notEmpty,
  type Wanted,
} from '../../atproto/filters.js'
import type { JetstreamEvent } from '../../events.js'
import { finiteCount, optional } from '../../options/pieces.js'
import { saying } from '../../options/saying.js'

/**
 * What a stream is limited to. The filters are ANDed; one that is absent limits nothing. In
 * `filters$` an empty list means nobody: the connection is closed, and none is dialled until the
 * list fills.
 */
export interface JetstreamFilters extends EventFilters {
  /**
   * NSIDs, or prefixes such as `app.bsky.feed.*`: at most 100. Limits commits, and nothing else. An
   * empty list is refused at the call.
   * @default all
   */
  readonly collections?: readonly string[] | undefined
  /**
   * Repositories, for events of every kind. Above 10,000 they are read over several connections. An
   * empty list is refused at the call.
   * @default all
   */
  readonly dids?: readonly string[] | undefined
  /**
   * The largest event to send, in bytes: the server leaves out longer ones, in silence.
   * @default no limit
   */
  readonly maxMessageSizeBytes?: number | undefined
}

// What servers take.
const MAX_COLLECTIONS = 100

/** Servers count duplicates once. */
const atMost = (most: number) =>
  saying<readonly string[]>((list) => {
    const { size } = new Set(list)
    return size > most ? `has ${size} entries; servers take ${most}` : undefined
  })

const collections = filterLists.collections.check(atMost(MAX_COLLECTIONS))
const { dids } = filterLists

/** A value of `filters$`, whose lists may be empty: see {@link matchesNobody}. */
export const newFiltersShape = {
  collections: optional(collections),
  dids: optional(dids),
  kinds: eventFiltersShape.kinds,
  maxMessageSizeBytes: optional(finiteCount),
}

/** The filters of a config. */
export const filtersShape = {
  ...newFiltersShape,
  collections: optional(collections.check(notEmpty)),
  dids: optional(dids.check(notEmpty)),
}

/** Of an archive, which takes a long list of DIDs in several plans. */
export const largeFiltersShape = { dids: eventFiltersShape.dids }

/** Whether a list is empty, which a value of `filters$` may have: nobody is followed for now. */
export const matchesNobody = ({ collections, dids }: JetstreamFilters): boolean =>
  collections?.length === 0 || dids?.length === 0

/**
 * Whether the filters may match nothing for a minute, on a host that has the whole network: all but
 * those that let identities and accounts through, or the commits of every collection.
 */
export const mayBeQuiet = ({ collections, dids, kinds }: JetstreamFilters): boolean =>
  dids !== undefined ||
  (kinds !== undefined &&
    !kinds.includes('identity') &&
    !kinds.includes('account') &&
    !(kinds.includes('commit') && collections === undefined))

/** The size limit of one connection. */
export function largest(
  { maxMessageSizeBytes }: JetstreamFilters,
  leaveOutLargeFrames: boolean,
  maxFrameBytes: number,
): number | undefined {
  return leaveOutLargeFrames
    ? Math.min(maxMessageSizeBytes ?? maxFrameBytes, maxFrameBytes)
    : maxMessageSizeBytes
}

/** Whether an earlier filter has not delivered the event. */
export const isNew = (event: JetstreamEvent, delivered: Wanted): boolean =>
  !delivered(event.kind, event.did, collectionOf(event))
