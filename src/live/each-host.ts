import { type BehaviorSubject, merge, type Observable } from 'rxjs'
import * as z from 'zod/mini'
import type { StreamMetrics } from '../delivery/metrics.js'
import { observer } from '../options/contracts.js'
import type { Issues } from '../options/issues.js'
import { callback, optional } from '../options/pieces.js'
import { type LiveConfig, type LiveOptions, liveOptions, liveShape } from './config.js'

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

/** Adds the mistakes that would mix the metrics of two streams. */
export function checkEachHost(
  { metrics$ }: EachHostConfig,
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
}

/** Merges one stream for each host. An error of one ends them all. */
export const eachHost = <Event>(
  config: EachHostConfig,
  hosts: readonly string[],
  stream: (host: string, options: LiveOptions) => Observable<Event>,
): Observable<Event> =>
  merge(
    ...hosts.map((host) => {
      const metrics$ =
        typeof config.metrics$ === 'function' ? config.metrics$(host) : config.metrics$
      return stream(host, liveOptions({ ...config, metrics$ }, [host]))
    }),
  )
