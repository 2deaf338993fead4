import type { Observable } from 'rxjs'
import * as z from '#schema'
import { checkEventFilters } from '../../atproto/filters.js'
import { recordsShape } from '../../atproto/records.js'
import { type CheckpointConfig, checkpointOptions } from '../../delivery/checkpoint-options.js'
import type { RecordMap } from '../../events.js'
import type { StandardSchema } from '../../internal/standard-schema.js'
import { HOSTS, hostsOf, type LiveConfig, liveShape } from '../../live/config.js'
import type { OnCursorRefused, Start } from '../../live/cursor-request.js'
import { checkAgent } from '../../options/agent.js'
import { checkShape } from '../../options/check-shape.js'
import { hostUrl } from '../../options/host-url.js'
import { hosts } from '../../options/hosts.js'
import { Issues } from '../../options/issues.js'
import { defaultsTo, delay, oneOf, optional } from '../../options/pieces.js'
import type { WithDefaults } from '../../options/with-defaults.js'
import type { ArchiveConfig } from './archive/config.js'
import { apiKey, verify } from './archive/pieces.js'
import type { Compress } from './compression.js'
import { type CursorStart, cursor, startOf } from './cursor-start.js'
import { filtersShape, type JetstreamFilters, newFiltersShape } from './filters.js'
import { MOST_DIDS_OF_V2, mostDidsOf } from './most-dids.js'
import { misfitOfV2 } from './v2.js'
import { type Wire, wireOfPath } from './wire.js'

/** Which Jetstream to read, where to start, and which events to keep. All options are optional. */
export interface JetstreamConfig<Records extends RecordMap = RecordMap>
  extends LiveConfig,
    JetstreamFilters {
  /**
   * The wire protocol: `'v1'` is `/subscribe`, `'v2'` is `network.bsky.jetstream.subscribeEvents`.
   * `'auto'`: the one that a URL's path names; without a path v2, or v1 if the handshake shows that
   * the server has no v2.
   * @default 'auto'
   */
  readonly wire?: Wire | 'auto' | undefined
  /**
   * How long a collection may be silent at least while others flow, before the host counts as blind
   * to it, in milliseconds, from 60,000. A collection counts that has come 100 times, and is silent
   * for twenty times its longest pause. The log says so, and the next host is dialled. What the
   * blind host did not send is not asked for again. `Infinity`: never.
   * @default Infinity
   */
  readonly blindTimeoutMs?: number | undefined
  /**
   * Ask for zstd, about half the bytes. If the dictionary cannot be fetched, `true` retries like a
   * failed dial, and `'auto'` uses plain frames, with the reason in `metrics$`. A dictionary that
   * the server refuses is fetched once more; after that the connection is plain.
   * @default false
   */
  readonly compress?: Compress | undefined
  /**
   * When a record is parsed: `'eager'`, before its event is emitted; `'lazy'`, when it is first
   * read, if ever. The events are equal, with one difference: a lazy record that is not JSON is not
   * a reject, but throws {@link RecordError} when it is read. `'lazy'` keeps the text of each
   * event: see {@link rawText}. `'raw'` is for programs that read little of most events: a commit
   * is one object, with accessors that cut each member from the text. It has no members of its own,
   * so that it equals no parsed event, and cannot be changed.
   * @default 'eager'
   */
  readonly decode?: 'eager' | 'lazy' | 'raw' | undefined
  /**
   * Read the archive of the host for what its socket does not hold any more, and for `'oldest'`:
   * history, then live, as one stream with one checkpoint. `true`: an archive that asks for no key.
   * It needs one `host`, and wire v2. An `apiKey` is sent to the archive alone; `verify` is that of
   * {@link archive$}. Records of the archive are decoded when they are first read.
   * @default none
   */
  readonly archive?: true | Pick<ArchiveConfig, 'apiKey' | 'verify'> | undefined
  /**
   * Your own dictionary: its bytes, a URL, or in Node a path.
   * @default that of the wire: published for v1, the server's own on v2
   */
  readonly zstdDictionary?: Uint8Array | URL | string | undefined
  /**
   * Where to start when there is no stored checkpoint. For a time before its log, wire v1 starts at
   * its oldest event without a notice. We look for such a loss only if the first event is more than
   * an hour later.
   * @default 'live'
   */
  readonly cursor?: CursorStart | undefined
  /**
   * Where the position of the finished events is saved for the next run: a `CursorStore`, or
   * `{ store, everyMs = 1000 }`. A stored position takes precedence over `cursor`.
   * @default none
   */
  readonly checkpoint?: CheckpointConfig | undefined
  /**
   * What to do when the server cannot serve a position, on either wire: end the stream, or continue
   * from another position. A gap is reported either way.
   * @default 'oldest'
   */
  readonly onCursorRefused?: OnCursorRefused | undefined
  /**
   * Filters that change while the stream runs. Each value replaces all of `collections`, `dids`,
   * `kinds` and `maxMessageSizeBytes`. Wire v1 sends it to the server, wire v2 dials again. An
   * empty list of `collections` or `dids` means nobody: the connection is closed, and none is
   * dialled until the list fills.
   * @default none
   */
  readonly filters$?: Observable<JetstreamFilters> | undefined
  /**
   * How far apart two changes of the filter are at least, in milliseconds, since each one is a
   * handshake on wire v2 and a message on v1. Of those that come in between the newest is applied
   * at the end of that time. 0: each is applied at once.
   * @default 1000
   */
  readonly filterChangesEveryMs?: number | undefined
  /**
   * A Standard Schema (zod, valibot, …) for each collection to check at run time. A record that
   * fails is a reject.
   * @default none
   */
  readonly records?: { readonly [C in keyof Records]?: StandardSchema<Records[C]> } | undefined
}

/** What a stream of chunks has no use for: it looks at no event, and has one connection. */
const NOT_OF_CHUNKS = ['archive', 'blindTimeoutMs', 'decode', 'filters$', 'records'] as const

/**
 * Which Jetstream to read in chunks, where to start, and which events to keep. All options are
 * optional.
 */
export type JetstreamChunksConfig = Omit<
  JetstreamConfig,
  (typeof NOT_OF_CHUNKS)[number] | 'filterChangesEveryMs'
>

/** A config that was checked. */
export interface CheckedJetstreamConfig {
  readonly config: WithDefaults<JetstreamConfig, typeof shape>
  readonly hosts: readonly [string, ...string[]]
  /** Whether `host` is left to the default. */
  readonly isPublic: boolean
  /** The wire that the config asks for, or the path of a host. */
  readonly wire: Wire | 'auto'
  /** Where the first connection starts. Called for each subscription: `{ ago }` is relative. */
  readonly start: (now: number) => Start
}

const PUBLIC_HOSTS = ['jetstream.us-east.bsky.network', 'jetstream.us-west.bsky.network']

const isObservable = (value: unknown): boolean =>
  typeof (value as { subscribe?: unknown } | null)?.subscribe === 'function'

const LEAST_BLIND_MS = 60_000
const blindTimeout = z.custom<number>(
  (value) => typeof value === 'number' && value >= LEAST_BLIND_MS,
  `must be a number of milliseconds from ${LEAST_BLIND_MS}, or Infinity`,
)

const shape = {
  ...liveShape,
  ...filtersShape,
  host: defaultsTo(
    hosts(HOSTS, (text) => wireOfPath(hostUrl(text).href)),
    PUBLIC_HOSTS,
  ),
  wire: defaultsTo(oneOf('auto', 'v1', 'v2'), 'auto'),
  blindTimeoutMs: defaultsTo(blindTimeout, Number.POSITIVE_INFINITY),
  cursor: defaultsTo(cursor, 'live'),
  decode: defaultsTo(oneOf('eager', 'lazy', 'raw'), 'eager'),
  archive: optional(
    z.union(
      [z.literal(true), z.strictObject({ apiKey: optional(apiKey), verify: optional(verify) })],
      'must be true, or `{ apiKey, verify }`',
    ),
  ),
  onCursorRefused: defaultsTo(oneOf('fail', 'oldest', 'live'), 'oldest'),
  compress: defaultsTo(
    z.union([z.boolean(), z.literal('auto')], "must be true, false or 'auto'"),
    false,
  ),
  zstdDictionary: optional(
    z.union(
      [z.string(), z.instanceof(URL), z.instanceof(Uint8Array)],
      'must be the bytes of a dictionary, a URL or a path',
    ),
  ),
  filterChangesEveryMs: defaultsTo(delay, 1000),
  filters$: optional(z.custom(isObservable, 'must be an Observable of filters')),
  records: recordsShape,
}

/** Throws `ConfigError` with every mistake. */
export const checkJetstreamConfig = (config: JetstreamConfig): CheckedJetstreamConfig =>
  checked('jetstream$', config, new Issues())

/** As {@link checkJetstreamConfig}, of chunks. */
export function checkChunksConfig(config: JetstreamChunksConfig): CheckedJetstreamConfig {
  const issues = new Issues()
  for (const name of NOT_OF_CHUNKS)
    if (name in config) issues.add(name, 'is for single events: read them with `jetstream$`')
  const most = mostDidsOf(config.wire === 'v1' ? 'v1' : 'v2')
  if (Array.isArray(config.dids) && config.dids.length > most)
    issues.add('dids', `has more than one connection takes, ${most}: read them with \`jetstream$\``)
  return checked('jetstreamChunks$', { ...config, decode: 'raw' }, issues)
}

function checked(callee: string, config: JetstreamConfig, issues: Issues): CheckedJetstreamConfig {
  const sound = checkShape(shape, config, issues)
  const urls = hostsOf(sound.host, '/')
  const wire = wireOf(sound.wire, urls, issues)
  checkFilters(sound, wire, issues)
  if (sound.archive !== undefined) checkArchive(sound, urls, wire, issues)
  else checkExternal(sound, sound, wire, issues)
  checkAgent(sound.agent, urls, issues)
  issues.throwIfAny(callee)
  const isPublic = config.host === undefined
  return {
    config: sound,
    hosts: urls,
    isPublic,
    wire: sound.archive === undefined ? wire : 'v2',
    start: startOf(sound.cursor),
  }
}

/** Checks a value of `filters$`. Throws `ConfigError`. */
export function checkNewFilters(
  filters: JetstreamFilters,
  wire: Wire | 'auto',
  beside: Pick<JetstreamConfig, 'archive' | 'checkpoint'>,
): JetstreamFilters {
  const issues = new Issues()
  checkFilters(checkShape(newFiltersShape, filters, issues), wire, issues)
  if (beside.archive !== undefined) checkArchiveFilters(filters, issues)
  else checkExternal(filters, beside, wire, issues)
  issues.throwIfAny('filters$')
  return filters
}

/** Adds filters that can never match, and those that the one possible wire does not have. */
function checkFilters(filters: JetstreamFilters, wire: Wire | 'auto', issues: Issues): void {
  checkEventFilters(filters, issues)
  if (wire === 'v1' && filters.kinds?.includes('sync'))
    issues.add('kinds', "can never bring 'sync': wire v1 has no such events")
  // Many DIDs are split over connections.
  const misfit = wire === 'v2' ? misfitOfV2({ ...filters, dids: undefined }) : undefined
  if (misfit !== undefined) issues.add(misfit.option, `cannot apply: ${misfit.message}`)
}

/** Adds what an archive cannot be read with. */
function checkArchive(
  config: JetstreamConfig,
  hosts: readonly string[],
  wire: Wire | 'auto',
  issues: Issues,
): void {
  if (!issues.concern('host') && hosts.length > 1)
    issues.add('host', 'must be one host beside `archive`: each has an archive of its own')
  if (wire === 'v1') issues.add('archive', 'needs wire v2, which has one')
  checkArchiveFilters(config, issues)
}

function checkArchiveFilters(
  { maxMessageSizeBytes, dids }: JetstreamFilters,
  issues: Issues,
): void {
  const { size } = new Set(dids)
  if (size > MOST_DIDS_OF_V2)
    issues.add('dids', `has ${size} entries; beside an archive it takes ${MOST_DIDS_OF_V2}`)
  if (maxMessageSizeBytes !== undefined)
    issues.add('maxMessageSizeBytes', 'cannot apply to an archive, which has no messages')
}

/** A position of one connection is none of all: what the others have not read would be lost. */
function checkExternal(
  { dids }: JetstreamFilters,
  { checkpoint }: Pick<JetstreamConfig, 'checkpoint'>,
  wire: Wire | 'auto',
  issues: Issues,
): void {
  const most = mostDidsOf(wire)
  if (issues.concern('checkpoint', 'dids') || !Array.isArray(dids)) return
  const { size } = new Set(dids)
  if (size > most && checkpointOptions(checkpoint)?.external === true)
    issues.add('dids', `has ${size} entries; beside an external checkpoint it takes ${most}`)
}

/** All hosts of a list have one wire: an endpoint that names its wire decides for bare hosts. */
function wireOf(asked: Wire | 'auto', hosts: readonly string[], issues: Issues): Wire | 'auto' {
  const named = hosts.map(wireOfPath).filter((wire) => wire !== undefined)
  const distinct = new Set(asked === 'auto' ? named : [...named, asked])
  if (distinct.size > 1)
    issues.add(
      'host',
      `names endpoints of wire v1 and v2 (\`wire\`: ${asked}); ` +
        'a position of one means nothing to the other',
    )
  return distinct.size === 1 ? ([...distinct][0] ?? 'auto') : 'auto'
}
