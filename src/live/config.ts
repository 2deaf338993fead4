import type { BehaviorSubject, Observer } from 'rxjs'
import type { CursorStore } from '../cursors/cursor-store.js'
import type { CheckpointOptions } from '../delivery/checkpoint.js'
import type { Gap } from '../delivery/gaps.js'
import type { StreamMetrics } from '../delivery/metrics.js'
import type { Position } from '../delivery/position.js'
import type { RejectedFrame } from '../delivery/rejects.js'
import { IN_BROWSER } from '../internal/in-browser.js'
import { type Logger, logOf } from '../internal/log.js'
import { type Issues, shown } from '../options/shapes.js'
import { VERSION } from '../version.js'
import type { ReconnectOptions } from './attempts.js'
import { hostUrl } from './host.js'
import type { LiveOptions } from './live.js'

/** The options that every live source shares. */
export interface LiveConfig {
  /**
   * A host name (`wss`, or `ws` on a loopback address), a `ws`, `wss`, `http` or `https` URL, or a
   * list of them: when one fails, the next is dialled. @default the public instances
   */
  readonly host?: string | readonly string[] | undefined
  /**
   * When a lost connection is dialled again. @default from 1 s to 60 s, doubled, with full jitter,
   * for ever
   */
  readonly reconnect?: ReconnectOptions | undefined
  /**
   * How long a connection may take, from DNS to the end of the handshake, in milliseconds.
   * @default 10_000
   */
  readonly connectTimeoutMs?: number | undefined
  /**
   * After so many milliseconds without a sign of life the connection is dead, even when TCP says
   * otherwise. In Node we ping at each third of it, so a quiet filter is not silence; a browser
   * cannot ping. @default 45_000, and 120_000 in a browser
   */
  readonly idleTimeoutMs?: number | undefined
  /**
   * How long a full queue may stop the reading before the connection is closed, to be dialled again
   * at the resume cursor when there is room, in milliseconds. Servers cut a reader that stays
   * blocked for about 5 s. @default 5000
   */
  readonly pauseCloseMs?: number | undefined
  /** The largest message to take, in bytes. @default 5_242_880 */
  readonly maxFrameBytes?: number | undefined
  /** Headers of the handshake. Node only. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Node only. @default rxjs-atproto/<version> */
  readonly userAgent?: string | undefined
  /**
   * Is told the stream's numbers, every second and at every change of the connection's state. Make
   * one with `streamMetrics()`. @default none
   */
  readonly metrics$?: BehaviorSubject<StreamMetrics> | undefined
  /** Is told each frame that could not be read. @default none */
  readonly rejects?: Partial<Observer<RejectedFrame>> | undefined
  /** Is told each range that is known or feared lost. @default none */
  readonly gaps?: Partial<Observer<Gap>> | undefined
  /**
   * Receives one line for what an operator must know, such as a position that was given up; never
   * one for each event. `false`: nothing is written. @default console
   */
  readonly log?: false | Logger | undefined
}

/** A store alone means the defaults of {@link CheckpointOptions}. */
export type CheckpointConfig<P = Position> = CursorStore | CheckpointOptions<P>

export const checkpointOptions = <P>(
  config: CheckpointConfig<P> | undefined,
): CheckpointOptions<P> | undefined =>
  // By its methods: a store of one's own may well have a member of the name `store`.
  config !== undefined && 'load' in config ? { store: config } : config

/** Fills in the defaults. */
export function liveOptions(
  config: LiveConfig,
  hosts: readonly [string, ...string[]],
): LiveOptions {
  return {
    hosts,
    reconnect: config.reconnect ?? {},
    connectTimeoutMs: config.connectTimeoutMs ?? 10_000,
    idleTimeoutMs: config.idleTimeoutMs ?? (IN_BROWSER ? 120_000 : 45_000),
    pauseCloseMs: config.pauseCloseMs ?? 5000,
    maxFrameBytes: config.maxFrameBytes ?? 5 * 1024 * 1024,
    headers: { 'user-agent': config.userAgent ?? `rxjs-atproto/${VERSION}`, ...config.headers },
    metrics$: config.metrics$,
    rejects: config.rejects,
    gaps: config.gaps,
    log: logOf(config.log),
  }
}

/** The hosts of a config as URLs with a path, in order. */
export function hostsOf(
  host: string | readonly string[],
  defaultPath: string,
  issues: Issues,
): readonly [string, ...string[]] {
  const hosts = (typeof host === 'string' ? [host] : host).map((one, index) =>
    issues.try(
      typeof host === 'string' ? 'host' : `host.${index}`,
      () => {
        const url = hostUrl(one)
        if (url.pathname === '/') url.pathname = defaultPath
        return url.href
      },
      shown(one),
    ),
  )
  return hosts as unknown as readonly [string, ...string[]]
}
