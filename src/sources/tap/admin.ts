import { sendRequest } from '#http'
import { isDid } from '../../atproto/syntax.js'
import {
  ConfigError,
  ConnectError,
  RefusedError,
  RequestTimeoutError,
  StreamError,
} from '../../errors.js'
import type { HttpAnswer, HttpRequest } from '../../http/request.js'
import { reasonOf } from '../../internal/message-of.js'
import { readBody } from '../../internal/read-body.js'
import { checkAgent, type HttpAgent } from '../../options/agent.js'
import { checkShape } from '../../options/check-shape.js'
import { hostUrl } from '../../options/host-url.js'
import { Issues } from '../../options/issues.js'
import { defaultsTo, milliseconds } from '../../options/pieces.js'
import { shown } from '../../options/shown.js'
import { readRefusal } from '../../socket/refusal.js'
import { authorization, type TapServer, tapServerShape } from './config.js'

/** Which Tap server {@link tapAdmin} controls. */
export interface TapAdminConfig extends TapServer {
  /**
   * How long a request may take, in milliseconds.
   * @default 30_000
   */
  readonly timeoutMs?: number | undefined
}

/** Options of each request. */
export interface TapRequestOptions {
  /**
   * Aborts the request; the promise then rejects with the signal's reason.
   * @default none
   */
  readonly signal?: AbortSignal | undefined
}

/** The state of a repository, as the server reports it. */
export interface TapRepoInfo {
  readonly did: string
  readonly handle: string
  /**
   * `pending`, `desynchronized`, `resyncing`, `active` or `error`. Servers may send other values.
   * It does not show the status of the account.
   */
  readonly state: string
  readonly rev: string
  readonly error: string
  readonly retries: number
  readonly records: number
}

/** The counters of the server. */
export interface TapStats {
  readonly repoCount: number
  readonly recordCount: number
  /** Events that were not acked yet. */
  readonly outboxBuffer: number
  /** Live commits that wait for a resync. */
  readonly resyncBuffer: number
  /** The server's own positions. 0 and `''`: it has none yet. */
  readonly cursors: { readonly firehose: number; readonly listRepos: string }
}

/**
 * Controls a Tap server. Each method rejects with `RefusedError`, `ConnectError`,
 * `RequestTimeoutError`, `ProxyError`, or the error of a certificate, such as `TlsUntrustedError`.
 */
export interface TapAdmin {
  /**
   * Tracks repositories: the server backfills each one, then follows it. Sends 1,000 DIDs in one
   * request, and nothing for an empty list.
   */
  addRepos(dids: readonly string[], options?: TapRequestOptions): Promise<void>
  /** Stops tracking repositories. Events that the server has buffered still arrive. */
  removeRepos(dids: readonly string[], options?: TapRequestOptions): Promise<void>
  /** Returns the DID document. */
  resolveDid(did: string, options?: TapRequestOptions): Promise<Readonly<Record<string, unknown>>>
  /** Returns `undefined` for a repository that is not tracked. */
  repoInfo(did: string, options?: TapRequestOptions): Promise<TapRepoInfo | undefined>
  health(options?: TapRequestOptions): Promise<{ readonly status: string }>
  stats(options?: TapRequestOptions): Promise<TapStats>
}

export const tapAdminShape = {
  ...tapServerShape,
  timeoutMs: defaultsTo(milliseconds, 30_000),
}

// With SQLite the server answers a request of more than 3,640 DIDs with a 500, and stores none.
const MAX_DIDS = 1000
// The longest response is a DID document, which a stranger wrote. Real ones have a few KB.
const MAX_RESPONSE_BYTES = 2 ** 20

/**
 * Controls a Tap server: tracks repositories, and reads its state and counters.
 *
 * @example
 * ```ts
 * const admin = tapAdmin({ host: 'localhost:2480', adminPassword })
 * await admin.addRepos(['did:plc:ewvi7nxzyoun6zhxrhs64oiz'])
 * ```
 */
export function tapAdmin(config: TapAdminConfig = {}): TapAdmin {
  const request = requester(config)
  const post = async (path: string, dids: readonly string[], options?: TapRequestOptions) => {
    checkDids(dids)
    for (let i = 0; i < dids.length; i += MAX_DIDS)
      await request('POST', path, options, dids.slice(i, i + MAX_DIDS))
  }
  const get = <T>(path: string, options?: TapRequestOptions) =>
    request('GET', path, options) as Promise<T>
  return {
    addRepos: (dids, options) => post('repos/add', dids, options),
    removeRepos: (dids, options) => post('repos/remove', dids, options),
    async resolveDid(did, options) {
      checkDids([did])
      return get(`resolve/${did}`, options)
    },
    async repoInfo(did, options) {
      checkDids([did])
      return get<TapRepoInfo>(`info/${did}`, options).catch((error: unknown) => {
        if (error instanceof RefusedError && error.status === 404) return undefined
        throw error
      })
    },
    health: (options) => get('health', options),
    stats: (options) => stats(get, options),
  }
}

async function stats(
  get: <T>(path: string, options?: TapRequestOptions) => Promise<T>,
  options?: TapRequestOptions,
): Promise<TapStats> {
  const [repos, records, outbox, resync, cursors] = await Promise.all([
    get<{ repo_count: number }>('stats/repo-count', options),
    get<{ record_count: number }>('stats/record-count', options),
    get<{ outbox_buffer: number }>('stats/outbox-buffer', options),
    get<{ resync_buffer: number }>('stats/resync-buffer', options),
    get<{ firehose: number; list_repos: string }>('stats/cursors', options),
  ])
  return {
    repoCount: repos.repo_count,
    recordCount: records.record_count,
    outboxBuffer: outbox.outbox_buffer,
    resyncBuffer: resync.resync_buffer,
    cursors: { firehose: cursors.firehose, listRepos: cursors.list_repos },
  }
}

type Requester = (
  method: 'GET' | 'POST',
  path: string,
  options?: TapRequestOptions,
  dids?: readonly string[],
) => Promise<unknown>

function requester(config: TapAdminConfig): Requester {
  const issues = new Issues()
  const { host, adminPassword, timeoutMs, agent } = checkShape(tapAdminShape, config, issues)
  checkAdminAgent({ host, agent }, issues)
  issues.throwIfAny('tapAdmin')
  const base = baseOf(host)
  const headers = { 'content-type': 'application/json', ...authorization(adminPassword) }
  return async (method, path, options, dids) => {
    const name = `${method} ${path}${dids === undefined ? '' : ` (${namesOf(dids)})`}`
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal =
      options?.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal])
    // The DID in the path is not escaped: the server does not find an escaped one.
    const init: HttpRequest = {
      method,
      headers,
      signal,
      redirect: 'error',
      agent,
      ...(dids === undefined ? {} : { body: JSON.stringify({ dids }) }),
    }
    try {
      return await answerOf(name, await sendRequest(`${base}${path}`, init))
    } catch (error) {
      if (error instanceof StreamError) throw error
      options?.signal?.throwIfAborted()
      if (timeout.aborted)
        throw new RequestTimeoutError(
          `${name} was not answered within \`timeoutMs\` (${timeoutMs} ms)`,
        )
      throw new ConnectError(`${name} failed: ${reasonOf(error)}`, { cause: error })
    }
  }
}

/** Names the list in errors by its first DID: the server does not say which one it refuses. */
const namesOf = ([first = '', ...others]: readonly string[]): string =>
  others.length === 0 ? first : `${first} and ${others.length} more`

async function answerOf(name: string, response: HttpAnswer): Promise<unknown> {
  if (!response.ok) throw await readRefusal(response, name)
  const { bytes, rest } = await readBody(response, MAX_RESPONSE_BYTES)
  if (rest) throw new RangeError(`the response is larger than ${MAX_RESPONSE_BYTES} bytes`)
  return bytes.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(bytes))
}

/** Adds the mistake of an agent that cannot reach the server. */
export function checkAdminAgent(
  { host, agent }: { readonly host: string; readonly agent?: HttpAgent | undefined },
  issues: Issues,
): void {
  checkAgent(agent, [baseOf(host)], issues)
}

function baseOf(host: string): string {
  const url = hostUrl(host)
  url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:'
  // The URL may have the path of the stream.
  url.pathname = url.pathname.replace(/\/?(channel)?$/, '/')
  return url.href
}

function checkDids(dids: readonly string[]): void {
  const issues = dids.flatMap((did, index) =>
    isDid(did) ? [] : [{ option: `dids.${index}`, message: `must be a DID, not ${shown(did)}` }],
  )
  if (issues.length > 0) throw new ConfigError('tapAdmin', issues)
}
