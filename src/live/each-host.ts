import { type BehaviorSubject, merge, type Observable } from 'rxjs'
import * as z from 'zod/mini'
import type { StreamMetrics } from '../delivery/metrics.js'
import { type Issues, liveShape } from '../options/shapes.js'
import { type LiveConfig, liveOptions } from './config.js'
import type { LiveOptions } from './live.js'

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
   * Is told the stream's numbers; with several hosts, a function that answers the subject of each,
   * by its URL. @default none
   */
  readonly metrics$?:
    | BehaviorSubject<StreamMetrics>
    | ((host: string) => BehaviorSubject<StreamMetrics> | undefined)
    | undefined
}

const isFunction = (value: unknown): boolean => typeof value === 'function'

export const eachHostShape = {
  ...liveShape,
  metrics$: z.optional(
    z.union(
      [liveShape.metrics$, z.custom(isFunction)],
      'must be a subject, or a function that answers the subject of a host',
    ),
  ),
}

/** Adds what would mix the numbers of two streams. */
export function checkEachHost(
  { metrics$ }: EachHostConfig,
  hosts: readonly string[],
  issues: Issues,
): void {
  if (new Set(hosts).size < hosts.length) issues.add('host', 'names a host twice')
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
