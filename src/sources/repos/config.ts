import type { BehaviorSubject } from 'rxjs'
import { IN_BROWSER } from '#socket'
import {
  type CheckpointConfig,
  type CheckpointOptions,
  checkpointOptions,
} from '../../delivery/checkpoint-options.js'
import type { StreamMetrics } from '../../delivery/metrics.js'
import { type Log, logOf } from '../../internal/log.js'
import { HOSTS, hostsOf } from '../../live/config.js'
import { checkEachHost, type EachHostConfig, eachHostShape } from '../../live/each-host.js'
import { checkShape } from '../../options/check-shape.js'
import { hosts } from '../../options/hosts.js'
import { Issues } from '../../options/issues.js'
import { pick } from '../../options/pick.js'
import {
  count,
  countUpTo,
  defaultsTo,
  milliseconds,
  name,
  oneOf,
  optional,
} from '../../options/pieces.js'
import type { WithDefaults } from '../../options/with-defaults.js'
import type { RequestOptions } from './fetch-page.js'
import type { ListingPosition } from './position.js'

/** Which hosts to list, from which page, and how. All options are optional. */
export interface ListReposConfig
  extends Pick<
    EachHostConfig,
    | 'reconnect'
    | 'refusedForMs'
    | 'headers'
    | 'userAgent'
    | 'agent'
    | 'metrics$'
    | 'rejects'
    | 'gaps'
    | 'log'
  > {
  /**
   * One or several hosts: a host name (`https`, or `http` on a loopback address) or an `http` or
   * `https` URL. A relay lists the network, a PDS its own accounts. Several hosts are listed at the
   * same time.
   * @default 'relay1.us-east.bsky.network'
   */
  readonly host?: string | readonly string[] | undefined
  /**
   * How many repos to request at once, from 1 to 1000, the limit of the servers.
   * @default 1000
   */
  readonly limit?: number | undefined
  /**
   * The page to start with when there is no stored checkpoint: a cursor from the same host.
   * @default the first page
   */
  readonly cursor?: string | undefined
  /**
   * Where the progress of the listing is saved: a `CursorStore`, or `{ store, everyMs = 1000 }`. A
   * stored position takes precedence over `cursor`.
   * @default none
   */
  readonly checkpoint?: CheckpointConfig<ListingPosition> | undefined
  /**
   * What to do if the checkpoint says that the listing is completed. `'complete'`: complete without
   * a request. `'restart'`: list again from the first page.
   * @default 'complete'
   */
  readonly onCompleted?: 'complete' | 'restart' | undefined
  /**
   * How long a request may take until its response is read to the end, in milliseconds.
   * @default 30_000
   */
  readonly timeoutMs?: number | undefined
  /**
   * The largest page to take, in bytes.
   * @default 5_242_880
   */
  readonly maxPageBytes?: number | undefined
}

const PATH = '/xrpc/com.atproto.sync.listRepos'
const shape = {
  host: defaultsTo(hosts(HOSTS), 'relay1.us-east.bsky.network'),
  ...pick(
    eachHostShape,
    'reconnect',
    'refusedForMs',
    'headers',
    'userAgent',
    'agent',
    'metrics$',
    'rejects',
    'gaps',
    'log',
    'checkpoint',
  ),
  limit: defaultsTo(countUpTo(1000), 1000),
  cursor: optional(name),
  onCompleted: defaultsTo(oneOf('complete', 'restart'), 'complete'),
  timeoutMs: defaultsTo(milliseconds, 30_000),
  maxPageBytes: defaultsTo(count, 5 * 1024 * 1024),
}

type FilledConfig = WithDefaults<ListReposConfig, typeof shape>

/** The options of one host's listing. */
export interface ListingOptions
  extends Pick<
    FilledConfig,
    'limit' | 'cursor' | 'onCompleted' | 'reconnect' | 'refusedForMs' | 'rejects' | 'gaps'
  > {
  /** The endpoint, an `http` or `https` URL. */
  readonly host: string
  readonly checkpoint: CheckpointOptions<ListingPosition> | undefined
  readonly request: RequestOptions
  /** The metrics of this host. */
  readonly metrics$: BehaviorSubject<StreamMetrics> | undefined
  readonly log: Log
}

/** Throws `ConfigError` with every mistake. */
export function checkListReposConfig(config: ListReposConfig): readonly ListingOptions[] {
  const issues = new Issues()
  const sound = checkShape(shape, config, issues)
  const urls = hostsOf(sound.host, PATH)
  checkEachHost(sound, urls, issues)
  if (urls.length > 1 && sound.cursor !== undefined)
    issues.add('cursor', 'belongs to one host, and there are several')
  if (!issues.concern('checkpoint') && checkpointOptions(sound.checkpoint)?.external)
    issues.add('checkpoint.external', 'is not possible here: no operator tells a page to store')
  issues.throwIfAny('listRepos$')
  // `hostsOf` returns WebSocket URLs; the listing uses HTTP.
  return urls.map((url) => optionsOf(sound, url.replace(/^ws/, 'http')))
}

const optionsOf = (config: FilledConfig, host: string): ListingOptions => ({
  host,
  limit: config.limit,
  cursor: config.cursor,
  checkpoint: checkpointOptions(config.checkpoint),
  onCompleted: config.onCompleted,
  reconnect: config.reconnect,
  refusedForMs: config.refusedForMs,
  request: {
    headers: headersOf(config),
    timeoutMs: config.timeoutMs,
    maxPageBytes: config.maxPageBytes,
    agent: config.agent,
  },
  metrics$: typeof config.metrics$ === 'function' ? config.metrics$(host) : config.metrics$,
  rejects: config.rejects,
  gaps: config.gaps,
  log: logOf(config.log),
})

/** A browser sets `User-Agent` itself, and a header of our own would cause a preflight request. */
const headersOf = ({ headers, userAgent }: FilledConfig): Readonly<Record<string, string>> => ({
  ...(IN_BROWSER ? {} : { 'user-agent': userAgent }),
  ...headers,
})
