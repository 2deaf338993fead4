import { checkLabels } from '../../delivery/prometheus.js'
import { familiesText, type Metric, type MetricLabels } from '../../internal/prometheus.js'
import type { RedisSinkMetrics } from './metrics.js'

/** The metrics of one of several sinks: see {@link redisPrometheusText}. */
export interface LabelledSinkMetrics {
  readonly metrics: RedisSinkMetrics
  /** Distinguish this sink from the others. */
  readonly labels: MetricLabels
}

const METRICS: readonly Metric<RedisSinkMetrics>[] = [
  ['counter', 'redis_entries_written_total', 'Entries added.', ({ written }) => written],
  [
    'counter',
    'redis_entries_duplicate_total',
    'Entries that were in the stream already.',
    ({ duplicates }) => duplicates,
  ],
  [
    'counter',
    'redis_entries_rewritten_total',
    'Entries that Redis had lost, added again.',
    ({ rewritten }) => rewritten,
  ],
  [
    'counter',
    'redis_holes_total',
    'How often Redis had lost more than could be added again.',
    ({ holes }) => holes,
  ],
  [
    'counter',
    'redis_events_rejected_total',
    'Events that cannot be written as an entry.',
    ({ rejected }) => rejected,
  ],
  [
    'counter',
    'redis_retries_total',
    'Attempts to write after the first.',
    ({ retries }) => retries,
  ],
  ['gauge', 'redis_pending', 'Entries that wait to be written.', ({ pending }) => pending],
  [
    'gauge',
    'redis_unread',
    'Entries that the slowest consumer group has not read; all of them without a group.',
    ({ unread }) => unread,
  ],
  [
    'gauge',
    'redis_high_water',
    '1 while nothing is written, because readers are behind.',
    ({ status }) => Number(status.state === 'high-water'),
  ],
  [
    'gauge',
    'redis_waiting',
    '1 while Redis accepts nothing.',
    ({ status }) => Number(status.state === 'waiting'),
  ],
]

/**
 * Returns the metrics of {@link toRedisStream} as Prometheus' text; append it to that of
 * `prometheusText`. For several sinks pass a list: Prometheus reads each name only once in a text.
 *
 * **Errors**: {@link ConfigError} for the name of a label that Prometheus does not read.
 *
 * @example
 * ```ts
 * const [metrics$, sinkMetrics$] = [streamMetrics(), redisSinkMetrics()]
 * const text = prometheusText(metrics$.value) + redisPrometheusText(sinkMetrics$.value)
 * ```
 */
export function redisPrometheusText(
  metrics: RedisSinkMetrics | readonly LabelledSinkMetrics[],
  labels: MetricLabels = {},
): string {
  const sinks = isList(metrics) ? metrics : [{ metrics, labels }]
  checkLabels('redisPrometheusText', sinks)
  return familiesText(
    METRICS,
    sinks.map((sink) => ({ source: sink.metrics, labels: sink.labels })),
  )
}

const isList = (
  metrics: RedisSinkMetrics | readonly LabelledSinkMetrics[],
): metrics is readonly LabelledSinkMetrics[] => Array.isArray(metrics)
