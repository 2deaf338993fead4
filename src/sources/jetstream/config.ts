import * as z from 'zod/mini'
import { checkShape, Issues, liveShape, shown } from '../../connection/config.js'
import { type CheckpointConfig, hostsOf, type LiveConfig } from '../../connection/live-config.js'
import { isTimeCursor } from '../../connection/protocol.js'
import type { OnCursorRefused } from '../../connection/resume.js'
import type { StandardSchema } from '../../internal/standard-schema.js'
import { isDid, isNsid, isNsidPrefix } from '../../internal/syntax.js'
import type { RecordMap } from './events.js'

/** Where a stream starts, when no checkpoint says it. */
export type CursorStart =
  /** With what happens from now on. */
  | 'live'
  /** With the oldest event that the server holds. */
  | 'oldest'
  /** At a position: a sequence number (below 1e15), or unix microseconds. */
  | number
  | Date
  /** So many milliseconds back. */
  | { readonly ago: number }

export interface JetstreamConfig<Records extends RecordMap = RecordMap> extends LiveConfig {
  /** The wire to speak: `v1` is `/subscribe`. @default 'v1' */
  readonly wire?: 'v1' | undefined
  /** @default 'live' */
  readonly cursor?: CursorStart | undefined
  /** Where the position of what is done is kept, for the next run: a `CursorStore`, or `{ store, everyMs = 1000 }`. A stored one wins over `cursor`. */
  readonly checkpoint?: CheckpointConfig | undefined
  /** What to do when the server cannot serve a position: end the stream, or go on from another place. A gap is reported either way. @default 'oldest' */
  readonly onCursorRefused?: OnCursorRefused | undefined
  /** NSIDs, or prefixes such as `app.bsky.feed.*`: at most 100. The server filters commits by it, and nothing else. @default all */
  readonly collections?: readonly string[] | undefined
  /** At most 10,000 repositories, for events of every kind. @default all */
  readonly dids?: readonly string[] | undefined
  /** Kinds of event to emit. @default all */
  readonly kinds?: readonly ('commit' | 'identity' | 'account' | 'sync')[] | undefined
  /** Have the server leave out longer events, in silence. @default no limit */
  readonly maxMessageSizeBytes?: number | undefined
  /** A Standard Schema (zod, valibot, …) for each collection to check at run time. A record that fails is a reject. */
  readonly records?: { readonly [C in keyof Records]?: StandardSchema<Records[C]> } | undefined
}

/** A config that was checked. */
export interface CheckedJetstreamConfig {
  readonly config: JetstreamConfig
  readonly hosts: readonly [string, ...string[]]
  /** The cursor of the first connection; read at each subscription, since `{ ago }` moves. */
  readonly start: (now: number) => number | undefined
}

const PUBLIC_HOSTS = ['jetstream.us-east.bsky.network', 'jetstream.us-west.bsky.network']
const MAX_COLLECTIONS = 100
const MAX_DIDS = 10_000

const isSchema = (value: unknown): boolean =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in (value as object)

const CURSOR = "must be 'live', 'oldest', a position, a Date or `{ ago: ms }`"

const schema = z.strictObject({
  ...liveShape,
  wire: z.optional(z.literal('v1', "must be 'v1'")),
  cursor: z.optional(
    z.union(
      [
        z.literal(['live', 'oldest']),
        z.int(CURSOR).check(z.gte(0, CURSOR)),
        z.date(),
        z.strictObject({ ago: z.number(CURSOR).check(z.gte(0, 'must not be negative')) }),
      ],
      CURSOR,
    ),
  ),
  onCursorRefused: z.optional(z.enum(['fail', 'oldest', 'live'], "must be 'fail', 'oldest' or 'live'")),
  collections: z.optional(z.array(z.string('must be a string'), 'must be a list of NSIDs')),
  dids: z.optional(z.array(z.string('must be a string'), 'must be a list of DIDs')),
  kinds: z.optional(
    z.array(z.enum(['commit', 'identity', 'account', 'sync'], "must be 'commit', 'identity', 'account' or 'sync'"), 'must be a list'),
  ),
  maxMessageSizeBytes: z.optional(z.int('must be a whole number').check(z.positive('must be above 0'))),
  records: z.optional(
    z.record(z.string(), z.custom(isSchema, 'must be a Standard Schema'), 'must be an object with a Standard Schema for each NSID'),
  ),
})

/** Throws `ConfigError` with every mistake. */
export function checkJetstreamConfig(config: JetstreamConfig): CheckedJetstreamConfig {
  const issues = new Issues()
  checkShape(schema, config, issues)
  // What has the wrong shape cannot be looked into.
  issues.throwIfAny('jetstream$')
  checkFilters(config, issues)
  const start = issues.try(
    'cursor',
    () => startOf(config.cursor ?? 'live'),
    () => undefined,
  )
  const hosts = hostsOf(config.host ?? PUBLIC_HOSTS, '/subscribe', issues)
  hosts.forEach((host, index) => {
    if (host.includes('/xrpc/'))
      issues.add(typeof config.host === 'string' ? 'host' : `host.${index}`, `is an endpoint of wire v2: ${host}`)
  })
  issues.throwIfAny('jetstream$')
  return { config, hosts, start }
}

function checkFilters({ collections = [], dids = [], records = {} }: JetstreamConfig, issues: Issues): void {
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
  for (const nsid of Object.keys(records)) {
    if (!isNsid(nsid)) issues.add(`records.${nsid}`, 'must be named by an NSID')
  }
}

const DAY_MS = 86_400_000

function startOf(cursor: CursorStart): (now: number) => number | undefined {
  if (cursor === 'live') return () => undefined
  if (cursor === 'oldest') return () => 0
  if (cursor instanceof Date) {
    if (cursor.getTime() > Date.now()) throw new Error(`lies in the future: ${cursor.toISOString()}`)
    return () => cursor.getTime() * 1000
  }
  if (typeof cursor === 'object') return (now) => Math.round((now - cursor.ago) * 1000)
  // Servers take these for sequence numbers of the future, and answer with the live end, in silence.
  if (cursor > 1e12 && !isTimeCursor(cursor))
    throw new Error(`must be unix microseconds or a sequence number; ${cursor} looks like milliseconds: pass a Date`)
  if (cursor > (Date.now() + DAY_MS) * 1000) throw new Error(`must be unix microseconds; ${cursor} lies in the future`)
  return () => cursor
}
