import * as z from 'zod/mini'
import { type Issues, shown } from '../../connection/config.js'
import { hashOf } from '../../internal/hash.js'
import { isDid, isNsid, isNsidPrefix } from '../../internal/syntax.js'
import type { JetstreamEvent } from './events.js'

/** What a stream is limited to. The filters are ANDed; what is left out is not limited. */
export interface JetstreamFilters {
  /** NSIDs, or prefixes such as `app.bsky.feed.*`: at most 100. Limits commits, and nothing else. @default all */
  readonly collections?: readonly string[] | undefined
  /** At most 10,000 repositories, for events of every kind. @default all */
  readonly dids?: readonly string[] | undefined
  /** Kinds of event to emit. @default all */
  readonly kinds?: readonly ('commit' | 'identity' | 'account' | 'sync')[] | undefined
  /** Have the server leave out longer events, in silence. @default no limit */
  readonly maxMessageSizeBytes?: number | undefined
}

const MAX_COLLECTIONS = 100
const MAX_DIDS = 10_000

export const filtersShape = {
  collections: z.optional(z.array(z.string('must be a string'), 'must be a list of NSIDs')),
  dids: z.optional(z.array(z.string('must be a string'), 'must be a list of DIDs')),
  kinds: z.optional(
    z.array(z.enum(['commit', 'identity', 'account', 'sync'], "must be 'commit', 'identity', 'account' or 'sync'"), 'must be a list'),
  ),
  maxMessageSizeBytes: z.optional(z.int('must be a whole number').check(z.positive('must be above 0'))),
}

/** Adds what a server would refuse. */
export function checkFilters({ collections = [], dids = [] }: JetstreamFilters, issues: Issues): void {
  collections.forEach((collection, index) => {
    if (!isNsid(collection) && !isNsidPrefix(collection)) {
      issues.add(`collections.${index}`, `must be an NSID or a prefix such as app.bsky.feed.*, not ${shown(collection)}`)
    }
  })
  dids.forEach((did, index) => {
    if (!isDid(did)) issues.add(`dids.${index}`, `must be a DID, not ${shown(did)}`)
  })
  const [distinctCollections, distinctDids] = [new Set(collections).size, new Set(dids).size]
  if (distinctCollections > MAX_COLLECTIONS)
    issues.add('collections', `has ${distinctCollections} entries; servers take ${MAX_COLLECTIONS}`)
  if (distinctDids > MAX_DIDS) issues.add('dids', `has ${distinctDids} entries; servers take ${MAX_DIDS}`)
}

/** The filters as a checkpoint's key names them. A limit on size is no filter of its own: it leaves no place out. */
export function filtersKey({ collections = [], dids = [], kinds = [] }: JetstreamFilters): readonly string[] {
  return [
    ...[...new Set(collections)].sort().map((nsid) => `collection=${nsid}`),
    ...[...new Set(kinds)].sort().map((kind) => `kind=${kind}`),
    ...(dids.length === 0 ? [] : [`dids=${new Set(dids).size}:${hashOf([...new Set(dids)].sort().join())}`]),
  ]
}

/** The filters as a server applies them: collections to commits, the others to every kind. */
export function matcher({ collections = [], dids = [], kinds }: JetstreamFilters): (event: JetstreamEvent) => boolean {
  const wantedKinds = kinds && new Set<string>(kinds)
  const wantedDids = dids.length > 0 ? new Set(dids) : undefined
  const names = collections.length > 0 ? new Set(collections) : undefined
  const prefixes = collections.filter((nsid) => nsid.endsWith('.*')).map((nsid) => nsid.slice(0, -1))
  if (wantedKinds === undefined && wantedDids === undefined && names === undefined) return () => true
  const isIn = (nsid: string) => (names?.has(nsid) ?? true) || prefixes.some((prefix) => nsid.startsWith(prefix))
  return (event) =>
    (wantedKinds?.has(event.kind) ?? true) &&
    (wantedDids?.has(event.did) ?? true) &&
    (event.kind !== 'commit' || isIn(event.commit.collection))
}

/** The size limit of one connection. */
export function largest(
  { maxMessageSizeBytes }: JetstreamFilters,
  leaveOutLargeFrames: boolean,
  maxFrameBytes: number,
): number | undefined {
  return leaveOutLargeFrames ? Math.min(maxMessageSizeBytes ?? maxFrameBytes, maxFrameBytes) : maxMessageSizeBytes
}
