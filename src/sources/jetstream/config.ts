import type { Observable } from 'rxjs'
import * as z from 'zod/mini'
import { checkRecordNames, recordsShape } from '../../atproto/records.js'
import type { RecordMap } from '../../events.js'
import type { StandardSchema } from '../../internal/standard-schema.js'
import { type CheckpointConfig, hostsOf, type LiveConfig } from '../../live/config.js'
import { isTimeCursor } from '../../live/protocol.js'
import type { OnCursorRefused, Start } from '../../live/resume.js'
import { checkShape, Issues, liveShape } from '../../options/shapes.js'
import type { Compress } from './compression.js'
import { checkFilters, filtersShape, type JetstreamFilters } from './filters.js'
import { type Wire, wireOfPath } from './wire.js'

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

/** What to read, from where, and what to keep: every option has a default. */
export interface JetstreamConfig<Records extends RecordMap = RecordMap>
  extends LiveConfig,
    JetstreamFilters {
  /**
   * The wire to speak: `'v1'` is `/subscribe`, `'v2'` is `network.bsky.jetstream.subscribeEvents`.
   * `'auto'`: what a URL's path says, else v2, and v1 where the handshake shows that the server has
   * no v2. @default 'auto'
   */
  readonly wire?: Wire | 'auto' | undefined
  /**
   * Ask for zstd: about half the bytes. `true`: a dictionary that cannot be had is tried for again,
   * as a failed dial is. `'auto'`: then the connection is plain, and `metrics$` says why. Refused
   * by the server, it is fetched once more, and then done without. @default false
   */
  readonly compress?: Compress | undefined
  /**
   * When a record is parsed: `'eager'`, before its event is emitted; `'lazy'`, when it is first
   * touched, and never if it is not. The events are equal but for one thing: a record that is no
   * JSON is not a reject, but throws {@link RecordError} when touched. `'lazy'` keeps the text of
   * each event with it: {@link rawText}. @default 'eager'
   */
  readonly decode?: 'eager' | 'lazy' | undefined
  /**
   * A dictionary of your own: its bytes, a URL, or in Node a path. @default that of the wire:
   * published for v1, the server's own on v2
   */
  readonly zstdDictionary?: Uint8Array | URL | string | undefined
  /**
   * Where to start when no checkpoint says it. Wire v1 starts a time that is gone at its oldest
   * event in silence: that is checked only if the first event is more than an hour later.
   * @default 'live'
   */
  readonly cursor?: CursorStart | undefined
  /**
   * Where the position of what is done is kept, for the next run: a `CursorStore`, or
   * `{ store, everyMs = 1000 }`. A stored one wins over `cursor`. @default none
   */
  readonly checkpoint?: CheckpointConfig | undefined
  /**
   * What to do when the server cannot serve a position, on either wire: end the stream, or go on
   * from another place. A gap is reported either way. @default 'oldest'
   */
  readonly onCursorRefused?: OnCursorRefused | undefined
  /**
   * New filters in flight: each replaces all of `collections`, `dids`, `kinds` and
   * `maxMessageSizeBytes`. v1 tells the server, v2 dials again. @default none
   */
  readonly filters$?: Observable<JetstreamFilters> | undefined
  /**
   * A Standard Schema (zod, valibot, …) for each collection to check at run time. A record that
   * fails is a reject. @default none
   */
  readonly records?: { readonly [C in keyof Records]?: StandardSchema<Records[C]> } | undefined
}

/** A config that was checked. */
export interface CheckedJetstreamConfig {
  readonly hosts: readonly [string, ...string[]]
  /** Where the first connection starts; read at each subscription, since `{ ago }` moves. */
  readonly start: (now: number) => Start
}

const PUBLIC_HOSTS = ['jetstream.us-east.bsky.network', 'jetstream.us-west.bsky.network']

const isObservable = (value: unknown): boolean =>
  typeof (value as { subscribe?: unknown } | null)?.subscribe === 'function'

const CURSOR = "must be 'live', 'oldest', a position, a Date or `{ ago: ms }`"

const schema = z.strictObject({
  ...liveShape,
  ...filtersShape,
  wire: z.optional(z.enum(['auto', 'v1', 'v2'], "must be 'auto', 'v1' or 'v2'")),
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
  decode: z.optional(z.enum(['eager', 'lazy'], "must be 'eager' or 'lazy'")),
  onCursorRefused: z.optional(
    z.enum(['fail', 'oldest', 'live'], "must be 'fail', 'oldest' or 'live'"),
  ),
  compress: z.optional(z.union([z.boolean(), z.literal('auto')], "must be true, false or 'auto'")),
  zstdDictionary: z.optional(
    z.union(
      [z.string(), z.instanceof(URL), z.instanceof(Uint8Array)],
      'must be the bytes of a dictionary, a URL or a path',
    ),
  ),
  filters$: z.optional(z.custom(isObservable, 'must be an Observable of filters')),
  records: recordsShape,
})

const filtersSchema = z.strictObject(filtersShape)

/** Throws `ConfigError` with every mistake. */
export function checkJetstreamConfig(config: JetstreamConfig): CheckedJetstreamConfig {
  const issues = new Issues()
  checkShape(schema, config, issues)
  // What has the wrong shape cannot be looked into.
  issues.throwIfAny('jetstream$')
  checkFilters(config, issues)
  checkRecordNames(config.records, issues)
  const start = issues.try<(now: number) => Start>(
    'cursor',
    () => startOf(config.cursor ?? 'live'),
    () => undefined,
  )
  const hosts = hostsOf(config.host ?? PUBLIC_HOSTS, '/', issues)
  if (issues.all.length === 0) checkWires(hosts, config, issues)
  issues.throwIfAny('jetstream$')
  return { hosts, start }
}

/** Filters that came in flight. Throws `ConfigError`. */
export function checkNewFilters(filters: JetstreamFilters): JetstreamFilters {
  const issues = new Issues()
  checkShape(filtersSchema, filters, issues)
  issues.throwIfAny('filters$')
  checkFilters(filters, issues)
  issues.throwIfAny('filters$')
  return filters
}

function checkWires(
  hosts: readonly string[],
  { host, wire = 'auto' }: JetstreamConfig,
  issues: Issues,
): void {
  const named = hosts.map((url, index) =>
    issues.try(
      typeof host === 'string' ? 'host' : `host.${index}`,
      () => wireOfPath(url),
      undefined,
    ),
  )
  const distinct = new Set(
    [...named, wire === 'auto' ? undefined : wire].filter((one) => one !== undefined),
  )
  if (distinct.size > 1)
    issues.add(
      'host',
      `names endpoints of wire v1 and v2 (\`wire\`: ${wire}); a position of one means nothing to the other`,
    )
}

const DAY_MS = 86_400_000

function startOf(cursor: CursorStart): (now: number) => Start {
  if (cursor === 'live') return () => undefined
  if (cursor === 'oldest') return () => 'oldest'
  if (cursor instanceof Date) {
    if (cursor.getTime() > Date.now())
      throw new Error(`lies in the future: ${cursor.toISOString()}`)
    return () => cursor.getTime() * 1000
  }
  if (typeof cursor === 'object') return (now) => Math.round((now - cursor.ago) * 1000)
  // Servers take these for sequence numbers of the future, and answer with the live end, in
  // silence.
  if (cursor > 1e12 && !isTimeCursor(cursor)) {
    throw new Error(
      `must be unix microseconds or a sequence number; ${cursor} looks like milliseconds: pass a Date`,
    )
  }
  if (cursor > (Date.now() + DAY_MS) * 1000)
    throw new Error(`must be unix microseconds; ${cursor} lies in the future`)
  return () => cursor
}
