import * as z from '#schema'
import { hostsOf, type LiveConfig, liveShape } from '../../live/config.js'
import { checkAgent, type HttpAgent } from '../../options/agent.js'
import { checkShape } from '../../options/check-shape.js'
import { host } from '../../options/hosts.js'
import { Issues } from '../../options/issues.js'
import { count, defaultsTo, delay, oneOf, optional } from '../../options/pieces.js'
import type { WithDefaults } from '../../options/with-defaults.js'

/** How to reach a Tap server, for the stream and for {@link tapAdmin}. */
export interface TapServer {
  /**
   * A host name, with a port, or a URL.
   * @default 'localhost:2480'
   */
  readonly host?: string | undefined
  /**
   * The server's `TAP_ADMIN_PASSWORD`. It is sent as a header, and is never part of a URL, a log or
   * an error. Node only.
   * @default none
   */
  readonly adminPassword?: string | undefined
  /**
   * Opens every connection: an `http.Agent` or `https.Agent` of Node, or one of a library, such as
   * `HttpsProxyAgent` of `https-proxy-agent`. Node only.
   * @default the proxy that the environment names, or none
   */
  readonly agent?: HttpAgent | undefined
}

/** Which Tap server to read, and when an event is acked. */
export interface TapConfig extends Omit<LiveConfig, 'host' | 'agent'>, TapServer {
  /**
   * How long full queues may pause reading before the connection is closed, in milliseconds. A Tap
   * waits for a reader without a limit. An event must be acked on the connection that delivered it:
   * after a close, the server sends all unacked events again.
   * @default 600_000
   */
  readonly pauseCloseMs?: number | undefined
  /**
   * The largest message to take, in bytes. A larger one is a reject: see `onReject`. A record has
   * at most 2 MiB, and a Tap escapes some characters with six bytes each.
   * @default 16_777_216
   */
  readonly maxFrameBytes?: number | undefined
  /**
   * When an event is acked. `'done'`: when its delivery is finished; the server sends an event that
   * failed again. `'receipt'`: as it arrives; events in memory are lost with the process. `'none'`:
   * never, for a server with `TAP_DISABLE_ACKS`.
   * @default 'done'
   */
  readonly ack?: 'done' | 'receipt' | 'none' | undefined
  /**
   * What to do with a message that cannot be read, besides the report to `rejects`. `'leave'`: the
   * server sends it again, and a live one blocks its repository until then. `'ack'`: it is acked,
   * if its id can be read.
   * @default 'leave'
   */
  readonly onReject?: 'ack' | 'leave' | undefined
}

const TAP_HOST = 'localhost:2480'

/** The options of {@link TapServer}. */
export const tapServerShape = {
  host: defaultsTo(host('must be a host name or a URL'), TAP_HOST),
  adminPassword: optional(z.string('must be a string')),
  agent: liveShape.agent,
}

const { checkpoint: _checkpoint, ...shared } = liveShape
const shape = {
  ...shared,
  ...tapServerShape,
  pauseCloseMs: defaultsTo(delay, 600_000),
  maxFrameBytes: defaultsTo(count, 16 * 1024 * 1024),
  ack: defaultsTo(oneOf('done', 'receipt', 'none'), 'done'),
  onReject: defaultsTo(oneOf('ack', 'leave'), 'leave'),
}

/** The options of a stream, with their defaults. */
export type TapOptions = WithDefaults<TapConfig, typeof shape>

/** Throws `ConfigError` with every mistake. */
export function checkTapConfig(config: TapConfig): TapOptions {
  const issues = new Issues()
  const options = checkShape(shape, config, issues)
  checkAgent(options.agent, hostsOf(options.host, '/channel'), issues)
  issues.throwIfAny('tap$')
  return options
}

/**
 * The header that carries the password, as UTF-8: any password is a legal header value in base64.
 */
export function authorization(adminPassword: string | undefined): Readonly<Record<string, string>> {
  if (adminPassword === undefined) return {}
  const bytes = new TextEncoder().encode(`admin:${adminPassword}`)
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` }
}
