import { checkEventFilters, type EventFilters } from '../../../atproto/filters.js'
import { recordsShape } from '../../../atproto/records.js'
import type { CheckpointConfig } from '../../../delivery/checkpoint-options.js'
import type { RecordMap } from '../../../events.js'
import type { StandardSchema } from '../../../internal/standard-schema.js'
import { type LiveConfig, type LiveOptions, liveOptions, liveShape } from '../../../live/config.js'
import type { Start } from '../../../live/cursor-request.js'
import { checkAgent } from '../../../options/agent.js'
import { checkShape } from '../../../options/check-shape.js'
import { host } from '../../../options/hosts.js'
import { Issues } from '../../../options/issues.js'
import { pick } from '../../../options/pick.js'
import { defaultsTo, optional } from '../../../options/pieces.js'
import { saying } from '../../../options/saying.js'
import type { WithDefaults } from '../../../options/with-defaults.js'
import { type CursorStart, cursor, startOf } from '../cursor-start.js'
import { filtersShape, largeFiltersShape } from '../filters.js'
import { endpointOf } from './endpoint.js'
import { apiKey, verify } from './pieces.js'

/** Which archive to read, from where, and which events to keep. */
export interface ArchiveConfig<Records extends RecordMap = RecordMap>
  extends Pick<
      LiveConfig,
      | 'agent'
      | 'reconnect'
      | 'idleTimeoutMs'
      | 'headers'
      | 'userAgent'
      | 'metrics$'
      | 'rejects'
      | 'gaps'
      | 'log'
    >,
    EventFilters {
  /** A Jetstream of wire v2 that has an archive: a host name, or a URL. */
  readonly host: string
  /**
   * The API key, sent to the archive alone. A server of your own needs none.
   * @default none
   */
  readonly apiKey?: string | undefined
  /**
   * `'footer'`: also fetches the footer of each segment that is read, about a hundredth of it, and
   * verifies it and the header by their checksum, and each block by what the footer says of it.
   * What does not match is fetched again, and in the end a gap, `archive-unreadable`.
   * Without it, every block is verified by its own checksum.
   * @default none
   */
  readonly verify?: 'footer' | undefined
  /**
   * NSIDs, or prefixes such as `app.bsky.feed.*`: at most 100. Limits commits, and nothing else. An
   * empty list is refused.
   * @default all
   */
  readonly collections?: readonly string[] | undefined
  /**
   * Repositories, for events of every kind. More than 10,000 are several plans. An empty list is
   * refused.
   * @default all
   */
  readonly dids?: readonly string[] | undefined
  /**
   * Where to start when there is no stored checkpoint: `'oldest'`, at a sequence number, or at a
   * time.
   * @default 'oldest'
   */
  readonly cursor?: Exclude<CursorStart, 'live'> | undefined
  /**
   * Where the position of the finished events is saved for the next run: a `CursorStore`, or
   * `{ store, everyMs = 1000 }`. The next run goes on to what is the tip then.
   * @default none
   */
  readonly checkpoint?: CheckpointConfig | undefined
  /**
   * A Standard Schema (zod, valibot, …) for each collection to check at run time. A record that
   * fails is a reject.
   * @default none
   */
  readonly records?: { readonly [C in keyof Records]?: StandardSchema<Records[C]> } | undefined
}

const HOST = 'must be a host name or a URL: an archive belongs to one host'

const shape = {
  ...pick(
    liveShape,
    'agent',
    'reconnect',
    'idleTimeoutMs',
    'headers',
    'userAgent',
    'metrics$',
    'rejects',
    'gaps',
    'log',
    'checkpoint',
  ),
  host: host(HOST),
  apiKey: optional(apiKey),
  verify: optional(verify),
  collections: filtersShape.collections,
  dids: largeFiltersShape.dids,
  kinds: filtersShape.kinds,
  cursor: defaultsTo(
    cursor.check(saying((start) => (start === 'live' ? LIVE : undefined))),
    'oldest',
  ),
  records: recordsShape,
}

const LIVE = "cannot be 'live': an archive ends before it; use `jetstream$`"

/** A config that was checked. */
export interface CheckedArchiveConfig {
  readonly config: WithDefaults<ArchiveConfig, typeof shape>
  readonly options: LiveOptions
  readonly start: (now: number) => Start
}

/** Throws `ConfigError` with every mistake. */
export function checkArchiveConfig(config: ArchiveConfig): CheckedArchiveConfig {
  const issues = new Issues()
  const sound = checkShape(shape, config, issues)
  checkEventFilters(sound, issues)
  checkAgent(sound.agent, issues.concern('host') ? [] : [endpointOf(sound.host)], issues)
  issues.throwIfAny('archive$')
  const {
    host: name,
    apiKey: _,
    verify: __,
    collections,
    dids,
    kinds,
    records,
    cursor: from,
    ...shared
  } = sound
  return {
    config: sound,
    options: liveOptions(shared, [endpointOf(name)]),
    start: startOf(from),
  }
}
