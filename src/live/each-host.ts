import { type BehaviorSubject, Observable } from 'rxjs'
import * as z from '#schema'
import type { StreamMetrics } from '../delivery/metrics.js'
import { StreamError } from '../errors.js'
import { type Log, logOf } from '../internal/log.js'
import { observe } from '../internal/observe.js'
import { checkAgent } from '../options/agent.js'
import { observer } from '../options/contracts.js'
import type { Issues } from '../options/issues.js'
import { callback, optional } from '../options/pieces.js'
import {
  type LiveConfig,
  type LiveOptions,
  liveOptions,
  liveShape,
  PUBLIC_SILENT_MS,
} from './config.js'
import { isOfHost } from './hosts.js'

/**
 * The options of a source whose hosts are read side by side, each with its own connection,
 * position, backoff and metrics.
 */
export interface EachHostConfig extends Omit<LiveConfig, 'host' | 'metrics$'> {
  /**
   * A host, or several: unlike a Jetstream's, they are all read, since none repeats another.
   * @default that of the source
   */
  readonly host?: string | readonly string[] | undefined
  /**
   * Receives the stream's metrics; with several hosts, a function that returns the subject of each,
   * by its URL.
   * @default none
   */
  readonly metrics$?:
    | BehaviorSubject<StreamMetrics>
    | ((host: string) => BehaviorSubject<StreamMetrics> | undefined)
    | undefined
}

export const eachHostShape = {
  ...liveShape,
  metrics$: optional(
    z.union(
      [observer, callback],
      'must be a subject, or a function that returns the subject of a host',
    ),
  ),
}

/** Adds the mistakes that would mix the metrics of two streams, and that of an agent. */
export function checkEachHost(
  { metrics$, agent }: EachHostConfig,
  hosts: readonly string[],
  issues: Issues,
): void {
  if (!issues.concern('host') && new Set(hosts).size < hosts.length)
    issues.add('host', 'names a host twice')
  if (hosts.length > 1 && typeof metrics$ === 'object') {
    issues.add(
      'metrics$',
      'must be a function of the host where there are several: `(host) => subjects[host]`',
    )
  }
  checkAgent(agent, hosts, issues)
}

/** Merges one stream for each host. A refusal of one ends that one: see {@link mergeHosts}. */
export const eachHost = <Event>(
  config: EachHostConfig,
  hosts: readonly string[],
  stream: (host: string, options: LiveOptions) => Observable<Event>,
): Observable<Event> =>
  mergeHosts(
    hosts.map((host) => {
      const metrics$ =
        typeof config.metrics$ === 'function' ? config.metrics$(host) : config.metrics$
      const silentMs = config.host === undefined ? PUBLIC_SILENT_MS : undefined
      const options = liveOptions({ ...config, metrics$ }, [host], silentMs)
      return [host, stream(host, options)] as const
    }),
    logOf(config.log),
  )

/**
 * Merges the streams of hosts that are read side by side. A host that refuses for good is logged,
 * and the others go on; its error comes when they have ended. Any other error ends them all.
 */
export const mergeHosts = <Event>(
  streams: readonly (readonly [string, Observable<Event>])[],
  log: Log,
): Observable<Event> =>
  streams.length === 1 && streams[0] !== undefined
    ? streams[0][1]
    : new Observable<Event>((subscriber) => {
        let running = streams.length
        let refusal: StreamError | undefined
        const ended = (): void => {
          running -= 1
          if (running > 0) return
          if (refusal === undefined) subscriber.complete()
          else subscriber.error(refusal)
        }
        const refused = (host: string, error: StreamError): void => {
          refusal ??= error
          if (running > 1) log.warn(`${host} is left, and the others go on: ${error.message}`)
          ended()
        }
        for (const [host, stream$] of streams) {
          const failed = (error: unknown): void => {
            if (error instanceof StreamError && isOfHost(error)) refused(host, error)
            else subscriber.error(error)
          }
          if (subscriber.closed) return
          observe(stream$, subscriber, (event) => subscriber.next(event), ended, failed)
        }
      })
