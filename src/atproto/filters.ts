import * as z from '#schema'
import type { JetstreamEvent } from '../events.js'
import { hashOf } from '../internal/hash.js'
import type { Issues } from '../options/issues.js'
import { oneOf, optional } from '../options/pieces.js'
import { isDid, isNsid, isNsidPrefix } from './syntax.js'

/**
 * What a stream of events is limited to. The filters are ANDed; one that is absent limits nothing.
 */
export interface EventFilters {
  /**
   * NSIDs, or prefixes such as `app.bsky.feed.*`. Limits commits, and nothing else. An empty list
   * is refused.
   * @default all
   */
  readonly collections?: readonly string[] | undefined
  /**
   * Repositories, for events of every kind. An empty list is refused.
   * @default all
   */
  readonly dids?: readonly string[] | undefined
  /**
   * Kinds of event to emit.
   * @default all
   */
  readonly kinds?: readonly ('commit' | 'identity' | 'account' | 'sync')[] | undefined
}

const COLLECTION = 'must be an NSID or a prefix such as app.bsky.feed.*'
const collection = z
  .string(COLLECTION)
  .check(z.refine((text) => isNsid(text) || isNsidPrefix(text), COLLECTION))
const did = z.string('must be a DID').check(z.refine(isDid, 'must be a DID'))

/** Lists of filters, which may be empty. */
export const filterLists = {
  collections: z.array(collection, 'must be a list of NSIDs'),
  dids: z.array(did, 'must be a list of DIDs'),
}

/**
 * A program that found nobody to follow has an empty list: the whole network would surprise it, and
 * so would a silent stream.
 */
export const notEmpty: z.Check<readonly string[]> = z.minLength(
  1,
  'must not be empty: leave it out for all of them',
)

export const eventFiltersShape = {
  collections: optional(filterLists.collections.check(notEmpty)),
  dids: optional(filterLists.dids.check(notEmpty)),
  kinds: optional(z.array(oneOf('commit', 'identity', 'account', 'sync'), 'must be a list')),
}

/** Adds what can never apply. */
export function checkEventFilters(
  { collections = [], kinds = [] }: EventFilters,
  issues: Issues,
): void {
  if (collections.length > 0 && kinds.length > 0 && !kinds.includes('commit'))
    issues.add('collections', "can never apply: `kinds` leaves out 'commit'")
}

/**
 * The filters as a checkpoint's key names them. A limit on size is no filter of its own: it leaves
 * no place out.
 */
export function filtersKey({
  collections = [],
  dids = [],
  kinds = [],
}: EventFilters): readonly string[] {
  return [
    ...[...new Set(collections)].sort().map((nsid) => `collection=${nsid}`),
    ...[...new Set(kinds)].sort().map((kind) => `kind=${kind}`),
    ...(dids.length === 0
      ? []
      : [`dids=${new Set(dids).size}:${hashOf([...new Set(dids)].sort().join())}`]),
  ]
}

/** Whether an NSID, or a prefix such as `app.bsky.*`, wants all that another one wants. */
export const covers = (one: string, other: string): boolean =>
  one === other || (one.endsWith('.*') && other.startsWith(one.slice(0, -1)))

/** Whether the filters leave anything out. */
export const isLimited = ({ collections = [], dids = [], kinds = [] }: EventFilters): boolean =>
  collections.length + dids.length + kinds.length > 0

/** The filters as a server applies them: collections to commits, the others to every kind. */
export function matcher(filters: EventFilters): (event: JetstreamEvent) => boolean {
  // What an event is asked for may have to be cut from its text.
  if (!isLimited(filters)) return () => true
  const wanted = wantedBy(filters)
  return (event) =>
    wanted(event.kind, event.did, event.kind === 'commit' ? event.commit.collection : undefined)
}

/** Whether an event of this kind and repository is wanted; `collection` is that of a commit. */
export type Wanted = (kind: string, did: string, collection?: string) => boolean

/** The filters, to be applied before an event is decoded. */
export function wantedBy({ collections = [], dids = [], kinds = [] }: EventFilters): Wanted {
  const wantedKinds = kinds.length > 0 ? new Set<string>(kinds) : undefined
  const wantedDids = dids.length > 0 ? new Set(dids) : undefined
  const names = collections.length > 0 ? new Set(collections) : undefined
  const prefixes = collections
    .filter((nsid) => nsid.endsWith('.*'))
    .map((nsid) => nsid.slice(0, -1))
  if (wantedKinds === undefined && wantedDids === undefined && names === undefined)
    return () => true
  const isIn = (nsid: string) =>
    (names?.has(nsid) ?? true) || prefixes.some((prefix) => nsid.startsWith(prefix))
  return (kind, did, collection) =>
    (wantedKinds?.has(kind) ?? true) &&
    (wantedDids?.has(did) ?? true) &&
    (collection === undefined || isIn(collection))
}
