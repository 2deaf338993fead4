import * as z from 'zod/mini'
import { checkEventFilters, type EventFilters, eventFiltersShape } from '../../atproto/filters.js'
import type { Issues } from '../../options/shapes.js'

/**
 * What a stream is limited to. The filters are ANDed; what is left out, or an empty list, limits
 * nothing.
 */
export interface JetstreamFilters extends EventFilters {
  /**
   * NSIDs, or prefixes such as `app.bsky.feed.*`: at most 100. Limits commits, and nothing else.
   * @default all
   */
  readonly collections?: readonly string[] | undefined
  /** At most 10,000 repositories, for events of every kind. @default all */
  readonly dids?: readonly string[] | undefined
  /** Have the server leave out longer events, in silence. @default no limit */
  readonly maxMessageSizeBytes?: number | undefined
}

const MAX_COLLECTIONS = 100
const MAX_DIDS = 10_000

export const filtersShape = {
  ...eventFiltersShape,
  maxMessageSizeBytes: z.optional(
    z.int('must be a whole number').check(z.positive('must be above 0')),
  ),
}

/** Adds what a server would refuse. */
export function checkFilters(filters: JetstreamFilters, issues: Issues): void {
  checkEventFilters(filters, issues)
  const [distinctCollections, distinctDids] = [
    new Set(filters.collections).size,
    new Set(filters.dids).size,
  ]
  if (distinctCollections > MAX_COLLECTIONS)
    issues.add('collections', `has ${distinctCollections} entries; servers take ${MAX_COLLECTIONS}`)
  if (distinctDids > MAX_DIDS)
    issues.add('dids', `has ${distinctDids} entries; servers take ${MAX_DIDS}`)
}

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
