import type { BehaviorSubject } from 'rxjs'
import * as z from 'zod/mini'
import type { CheckpointOptions } from '../../delivery/checkpoint.js'
import type { StreamMetrics } from '../../delivery/metrics.js'
import { IN_BROWSER } from '../../internal/in-browser.js'
import { type Log, logOf } from '../../internal/log.js'
import type { ReconnectOptions } from '../../live/attempts.js'
import { type CheckpointConfig, checkpointOptions, hostsOf } from '../../live/config.js'
import { checkEachHost, type EachHostConfig, eachHostShape } from '../../live/each-host.js'
import { checkShape, Issues } from '../../options/shapes.js'
import { VERSION } from '../../version.js'
import type { RequestOptions } from './fetch-page.js'
import type { ListingPosition } from './position.js'

/** Which hosts to list, from where, and how: every option has a default. */
export interface ListReposConfig
  extends Pick<
    EachHostConfig,
    'reconnect' | 'headers' | 'userAgent' | 'metrics$' | 'rejects' | 'gaps' | 'log'
  > {
  /**
   * A host name (`https`, or `http` on a loopback address) or an `http` or `https` URL; a relay
   * lists the network, a PDS its own accounts. Of several, each is listed by itself, side by side.
   * @default 'relay1.us-east.bsky.network'
   */
  readonly host?: string | readonly string[] | undefined
  /** How many repos to ask for at once: 1 to 1000, the most that servers take. @default 1000 */
  readonly limit?: number | undefined
  /**
   * The page to start with, when no checkpoint says it: a cursor that the same host gave.
   * @default the first page
   */
  readonly cursor?: string | undefined
  /**
   * Where it is kept how far the listing is done: a `CursorStore`, or `{ store, everyMs = 1000 }`.
   * A stored position wins over `cursor`. @default none
   */
  readonly checkpoint?: CheckpointConfig<ListingPosition> | undefined
  /**
   * What to do when the checkpoint says that the listing was completed: complete without a request,
   * or list all anew. @default 'complete'
   */
  readonly onCompleted?: 'complete' | 'restart' | undefined
  /** How long a request may take, with its whole answer, in milliseconds. @default 30_000 */
  readonly timeoutMs?: number | undefined
  /** The largest page to take, in bytes. @default 5_242_880 */
  readonly maxPageBytes?: number | undefined
}

/** What one listing knows of its config, defaults filled in. */
export interface ListingOptions {
  /** The endpoint, an `http` or `https` URL. */
  readonly host: string
  readonly limit: number
  readonly cursor: string | undefined
  readonly checkpoint: CheckpointOptions<ListingPosition> | undefined
  readonly onCompleted: 'complete' | 'restart'
  readonly reconnect: ReconnectOptions
  readonly request: RequestOptions
  readonly metrics$: BehaviorSubject<StreamMetrics> | undefined
  readonly rejects: EachHostConfig['rejects']
  readonly gaps: EachHostConfig['gaps']
  readonly log: Log
}

const PATH = '/xrpc/com.atproto.sync.listRepos'
const LIMIT = 'must be a whole number from 1 to 1000'
const POSITIVE_MS = eachHostShape.connectTimeoutMs

const schema = z.strictObject({
  host: eachHostShape.host,
  reconnect: eachHostShape.reconnect,
  headers: eachHostShape.headers,
  userAgent: eachHostShape.userAgent,
  metrics$: eachHostShape.metrics$,
  rejects: eachHostShape.rejects,
  gaps: eachHostShape.gaps,
  log: eachHostShape.log,
  checkpoint: eachHostShape.checkpoint,
  limit: z.optional(z.int(LIMIT).check(z.gte(1, LIMIT), z.lte(1000, LIMIT))),
  cursor: z.optional(z.string('must be a string').check(z.minLength(1, 'must not be empty'))),
  onCompleted: z.optional(z.enum(['complete', 'restart'], "must be 'complete' or 'restart'")),
  timeoutMs: POSITIVE_MS,
  maxPageBytes: eachHostShape.maxFrameBytes,
})

/** Throws `ConfigError` with every mistake. */
export function checkListReposConfig(config: ListReposConfig): readonly ListingOptions[] {
  const issues = new Issues()
  checkShape(schema, config, issues)
  issues.throwIfAny('listRepos$')
  const hosts = hostsOf(config.host ?? 'relay1.us-east.bsky.network', PATH, issues)
  checkEachHost(config, hosts, issues)
  if (hosts.length > 1 && config.cursor !== undefined)
    issues.add('cursor', 'means something to one host alone, and there are several')
  issues.throwIfAny('listRepos$')
  // A host is read as that of a stream; what is spoken to it here is HTTP.
  return hosts.map((host) => optionsOf(config, host.replace(/^ws/, 'http')))
}

const optionsOf = (config: ListReposConfig, host: string): ListingOptions => ({
  host,
  limit: config.limit ?? 1000,
  cursor: config.cursor,
  checkpoint: checkpointOptions(config.checkpoint),
  onCompleted: config.onCompleted ?? 'complete',
  reconnect: config.reconnect ?? {},
  request: {
    headers: headersOf(config),
    timeoutMs: config.timeoutMs ?? 30_000,
    maxPageBytes: config.maxPageBytes ?? 5 * 1024 * 1024,
  },
  metrics$: typeof config.metrics$ === 'function' ? config.metrics$(host) : config.metrics$,
  rejects: config.rejects,
  gaps: config.gaps,
  log: logOf(config.log),
})

/** A browser says itself what it is, and would ask the server first whether we may. */
const headersOf = ({ headers, userAgent }: ListReposConfig): Readonly<Record<string, string>> => ({
  ...(IN_BROWSER ? {} : { 'user-agent': userAgent ?? `rxjs-atproto/${VERSION}` }),
  ...headers,
})
