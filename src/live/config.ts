import type { BehaviorSubject, Observer } from 'rxjs'
import * as z from '#schema'
import { IN_BROWSER } from '#socket'
import type { Gap } from '../delivery/gaps.js'
import type { StreamMetrics } from '../delivery/metrics.js'
import type { RejectedFrame } from '../delivery/rejects.js'
import { type Log, type Logger, logOf } from '../internal/log.js'
import { agent, type HttpAgent, noAgent } from '../options/agent.js'
import { backoffShape } from '../options/backoff.js'
import { checkpoint, log, observer } from '../options/contracts.js'
import { hostUrl } from '../options/host-url.js'
import { hosts } from '../options/hosts.js'
import {
  count,
  defaultsTo,
  delay,
  milliseconds,
  optional,
  patience,
  timeout,
  whole,
} from '../options/pieces.js'
import { type WithDefaults, withDefaults } from '../options/with-defaults.js'
import { VERSION } from '../version.js'
import type { ReconnectOptions } from './hosts.js'

/** The options that every live source shares. */
export interface LiveConfig {
  /**
   * A host name (`wss`, or `ws` on a loopback address), a `ws`, `wss`, `http` or `https` URL, or a
   * list of them: when one fails, the next one is tried.
   * @default the public instances
   */
  readonly host?: string | readonly string[] | undefined
  /**
   * The delays before a lost connection is dialled again.
   * @default from 1 s to 60 s, doubled, with full jitter, without a limit
   */
  readonly reconnect?: ReconnectOptions | undefined
  /**
   * How long a host that has brought events may refuse the handshake with a status that is not
   * retried elsewhere, such as 403, 404 or a redirect, in milliseconds since it last worked: a
   * server that is being moved or restarted answers so. Until then it is dialled again with
   * backoff, and the delays are what counts: the time in which a machine sleeps does not.
   * `Infinity`: for ever. A stream ends when every host of the list refuses for good.
   * @default 600_000
   */
  readonly refusedForMs?: number | undefined
  /**
   * How long a connection may take, from DNS to the end of the handshake, in milliseconds.
   * @default 10_000
   */
  readonly connectTimeoutMs?: number | undefined
  /**
   * The connection counts as dead after this time without data or a pong, in milliseconds, even
   * when TCP reports nothing. Node sends a ping at each third of it, so a filter that matches
   * little is not silence. A browser cannot ping.
   * @default 45_000, and 120_000 in a browser
   */
  readonly idleTimeoutMs?: number | undefined
  /**
   * How long an open connection may bring no event before the next host is dialled, in
   * milliseconds: a host can answer pings and have lost its own source. A single host is dialled
   * again. `Infinity`: for ever.
   * @default 60_000 where `host` is left to the default and the filter is one that matches
   * something every minute; Infinity elsewhere, since a small server may be quiet for hours
   */
  readonly silentTimeoutMs?: number | undefined
  /**
   * How long a full queue may pause reading before the connection is closed, in milliseconds. It is
   * dialled again at the resume cursor when there is room. Servers close the connection of a reader
   * that stays blocked for about 5 s.
   * @default 5000
   */
  readonly pauseCloseMs?: number | undefined
  /**
   * The largest message to take, in bytes.
   * @default 5_242_880
   */
  readonly maxFrameBytes?: number | undefined
  /**
   * Headers of the handshake. Node only.
   * @default none
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * The `User-Agent` header of the handshake. Node only.
   * @default rxjs-atproto/<version>
   */
  readonly userAgent?: string | undefined
  /**
   * Opens every connection of the source: an `http.Agent` or `https.Agent` of Node, or one of a
   * library, such as `HttpsProxyAgent` of `https-proxy-agent`. Node only.
   * @default the proxy that the environment names, or none
   */
  readonly agent?: HttpAgent | undefined
  /**
   * Receives the stream's metrics, every second and at every change of the connection's state.
   * Create one with `streamMetrics()`.
   * @default none
   */
  readonly metrics$?: BehaviorSubject<StreamMetrics> | undefined
  /**
   * Receives each frame that could not be read.
   * @default none
   */
  readonly rejects?: Partial<Observer<RejectedFrame>> | undefined
  /**
   * Receives each range of events that is, or may be, lost.
   * @default none
   */
  readonly gaps?: Partial<Observer<Gap>> | undefined
  /**
   * Receives one line for each thing that an operator must know, such as a position that was given
   * up. It is never one line for each event. `false`: nothing is written.
   * @default console
   */
  readonly log?: false | Logger | undefined
}

// RFC 9110 section 5.5, and 5.6.2 for the name. Anything else would throw at every dial.
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const headerValue = z
  .string('must be a string')
  .check(z.regex(HEADER_VALUE, 'must be one line of Latin-1 text'))

export const HOSTS = 'must be a host name, a URL, or a list of them that is not empty'

/** How the options of {@link LiveConfig} are checked, and a checkpoint beside them. */
export const liveShape = {
  host: optional(hosts(HOSTS)),
  checkpoint: optional(checkpoint),
  reconnect: defaultsTo(
    z.strictObject(
      { ...backoffShape(), maxAttempts: optional(whole) },
      'must be an object of reconnect options',
    ),
    z.parse(z.strictObject(backoffShape()), {}),
  ),
  refusedForMs: defaultsTo(patience, 600_000),
  connectTimeoutMs: defaultsTo(milliseconds, 10_000),
  idleTimeoutMs: defaultsTo(milliseconds, IN_BROWSER ? 120_000 : 45_000),
  silentTimeoutMs: optional(timeout),
  pauseCloseMs: defaultsTo(delay, 5000),
  maxFrameBytes: defaultsTo(count, 5 * 1024 * 1024),
  headers: optional(
    z.record(
      z.string().check(z.regex(HEADER_NAME, 'must be named by a token')),
      headerValue,
      'must be an object of header names and values',
    ),
  ),
  userAgent: defaultsTo(headerValue, `rxjs-atproto/${VERSION}`),
  agent: optional(IN_BROWSER ? noAgent : agent),
  metrics$: optional(observer),
  rejects: optional(observer),
  gaps: optional(observer),
  log: optional(log),
}

const { checkpoint: _checkpoint, ...machineShape } = liveShape

/** The options of {@link live}: those of the config with their defaults. */
export interface LiveOptions
  extends Omit<
    WithDefaults<LiveConfig, typeof liveShape>,
    'host' | 'userAgent' | 'log' | 'silentTimeoutMs'
  > {
  readonly hosts: readonly [string, ...string[]]
  /** Those of the config, and `user-agent`. */
  readonly headers: Readonly<Record<string, string>>
  readonly log: Log
  readonly silentTimeoutMs: number
}

/** The default of `silentTimeoutMs` for the public hosts, where something happens every second. */
export const PUBLIC_SILENT_MS = 60_000

/** Fills in the defaults. `silentMs`: that of `silentTimeoutMs`. */
export function liveOptions(
  config: LiveConfig,
  hosts: readonly [string, ...string[]],
  silentMs = Number.POSITIVE_INFINITY,
): LiveOptions {
  const { host, userAgent, headers, log, ...filled } = withDefaults(machineShape, config)
  return {
    ...filled,
    hosts,
    headers: { 'user-agent': userAgent, ...headers },
    log: logOf(log),
    silentTimeoutMs: config.silentTimeoutMs ?? silentMs,
  }
}

/** The hosts of a config that was checked, as URLs with a path, in order. */
export function hostsOf(
  host: string | readonly string[],
  defaultPath: string,
): readonly [string, ...string[]] {
  const urls = (typeof host === 'string' ? [host] : host).map((one) => {
    const url = hostUrl(one)
    if (url.pathname === '/') url.pathname = defaultPath
    return url.href
  })
  return urls as unknown as readonly [string, ...string[]]
}
