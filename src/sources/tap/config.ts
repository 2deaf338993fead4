import * as z from 'zod/mini'
import { hostsOf, type LiveConfig } from '../../live/config.js'
import { checkShape, Issues, liveShape } from '../../options/shapes.js'

/** How to reach a Tap server, for the stream and for {@link tapAdmin}. */
export interface TapServer {
  /** A host name, with a port, or a URL. @default 'localhost:2480' */
  readonly host?: string | undefined
  /**
   * The server's `TAP_ADMIN_PASSWORD`: sent as a header, and never part of a URL, a log or an
   * error. Node only. @default none
   */
  readonly adminPassword?: string | undefined
}

/** Which Tap server to read, and when an event is acked. */
export interface TapConfig extends Omit<LiveConfig, 'host'>, TapServer {
  /**
   * How long full queues may stop the reading before the connection is closed, in milliseconds. A
   * Tap waits for a reader without a limit, and an event must be acked on the connection that
   * brought it: one that closes has all that is in hand sent again. @default 600_000
   */
  readonly pauseCloseMs?: number | undefined
  /**
   * The largest message to take, in bytes. One that is larger is a reject: see `onReject`. A record
   * has at most 2 MiB, and a Tap writes six bytes for each of some characters. @default 16_777_216
   */
  readonly maxFrameBytes?: number | undefined
  /**
   * When an event is acked. `'done'`: when its delivery is finished; one that fails is not acked,
   * and the server sends it again. `'receipt'`: as it comes in; what is in memory is lost with the
   * process. `'none'`: never, for a server with `TAP_DISABLE_ACKS`. @default 'done'
   */
  readonly ack?: 'done' | 'receipt' | 'none' | undefined
  /**
   * What to do with a message that cannot be read, besides telling `rejects`. `'leave'`: the server
   * sends it again, and a live one holds up its repository until then. `'ack'`: it is taken care
   * of, when its id can be read. @default 'leave'
   */
  readonly onReject?: 'ack' | 'leave' | undefined
}

/** Where a Tap needs others than the {@link LiveConfig} has. */
export const TAP_DEFAULTS = { pauseCloseMs: 600_000, maxFrameBytes: 16 * 1024 * 1024 } as const

const password = z.optional(z.string('must be a string'))

/** A mistake in a password must not show it. */
export const tapServerShape = {
  host: z.optional(z.string('must be a host name or a URL')),
  adminPassword: password,
}

const { checkpoint: _checkpoint, host: _host, ...shared } = liveShape
const schema = z.strictObject({
  ...shared,
  ...tapServerShape,
  ack: z.optional(z.enum(['done', 'receipt', 'none'], "must be 'done', 'receipt' or 'none'")),
  onReject: z.optional(z.enum(['ack', 'leave'], "must be 'ack' or 'leave'")),
})

/** Throws `ConfigError` with every mistake. */
export function checkTapConfig(config: TapConfig): readonly [string, ...string[]] {
  const issues = new Issues()
  checkShape(schema, config, issues)
  issues.throwIfAny('tap$')
  const hosts = hostsOf(config.host ?? 'localhost:2480', '/channel', issues)
  issues.throwIfAny('tap$')
  return hosts
}

/**
 * The header that carries the password, as UTF-8: any password is a legal header value in base64.
 */
export function authorization(adminPassword: string | undefined): Readonly<Record<string, string>> {
  if (adminPassword === undefined) return {}
  const bytes = new TextEncoder().encode(`admin:${adminPassword}`)
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` }
}
