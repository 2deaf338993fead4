import {
  badLabels,
  familiesText,
  type Labelled,
  type Metric,
  type MetricLabels,
} from '../internal/prometheus.js'
import { Issues } from '../options/issues.js'
import { currentLagMs } from './lag.js'
import type { StreamMetrics } from './metrics.js'

/** The metrics of one of several streams: see {@link prometheusText}. */
export interface LabelledMetrics {
  readonly metrics: StreamMetrics
  /** Distinguish this stream from the others. */
  readonly labels: MetricLabels
  /**
   * Whether a source that ends, such as `listRepos$`, has nothing more to emit.
   * @default no sample
   */
  readonly completed?: boolean | undefined
}

/** What a metric of a stream is read from. */
export type Read = StreamMetrics & Pick<LabelledMetrics, 'completed'>

const isOpen = (state: string): boolean => state === 'open' || state === 'paused'
const seconds = (ms: number | undefined): number | undefined => ms && ms / 1000

/** Every metric of a stream, also for OpenTelemetry. */
export const METRICS: readonly Metric<Read>[] = [
  [
    'counter',
    'frames_received_total',
    'Messages of a WebSocket, pages of a listing, or entries of a stream.',
    ({ frames }) => frames,
  ],
  ['counter', 'bytes_received_total', 'Bytes of those, as received.', ({ bytes }) => bytes],
  [
    'counter',
    'events_received_total',
    'Messages that could be read as a commit, a label frame and so on, or repos of a listing.',
    ({ events }) => events,
  ],
  [
    'counter',
    'events_duplicate_total',
    'Events that an inclusive cursor repeated; they are recognised and not emitted again.',
    ({ duplicates }) => duplicates,
  ],
  [
    'counter',
    'events_filtered_total',
    'Events that the config does not want.',
    ({ filtered }) => filtered,
  ],
  ['counter', 'events_done_total', 'Events whose work is done.', ({ done }) => done],
  [
    'counter',
    'events_dropped_total',
    'Events that a full queue gave up, or an ingestor skipped.',
    ({ dropped }) => dropped,
  ],
  [
    'counter',
    'events_failed_total',
    'Events whose work failed, or that were given up at the end; a restart reads them again.',
    ({ failed }) => failed,
  ],
  [
    'counter',
    'events_unrouted_total',
    'Events that no ingestor takes.',
    ({ unrouted }) => unrouted,
  ],
  [
    'counter',
    'events_unrouted_by_kind_total',
    'The same, by the kind of the event.',
    ({ unroutedKinds }) => unroutedKinds,
  ],
  ['counter', 'frames_control_total', 'Notices of the server.', ({ control }) => control],
  ['counter', 'frames_rejected_total', 'Frames that cannot be read.', ({ rejected }) => rejected],
  ['counter', 'gaps_total', 'Ranges that are known or feared lost.', ({ gaps }) => gaps],
  ['counter', 'reconnects_total', 'Dials after the first.', ({ reconnects }) => reconnects],
  [
    'counter',
    'cursor_save_errors_total',
    'Saves of the position that failed.',
    ({ checkpointErrors }) => checkpointErrors,
  ],
  [
    'gauge',
    'events_open',
    'Events that are emitted and whose work has not ended.',
    ({ open }) => open,
  ],
  [
    'gauge',
    'events_queued',
    'Events that wait in the queues of operators.',
    ({ queued }) => queued,
  ],
  [
    'gauge',
    'connection_open',
    '1 while there is a connection.',
    ({ connection }) => Number(isOpen(connection.state)),
  ],
  [
    'gauge',
    'connection_paused',
    '1 while the connection is not read, because a queue is full.',
    ({ connection }) => Number(connection.state === 'paused'),
  ],
  [
    'gauge',
    'connection_since_timestamp_seconds',
    'Since when there is a connection, or none.',
    ({ connection }) => seconds(connection.since),
  ],
  [
    'gauge',
    'backoff_seconds',
    'The delay before the next dial while it is waited for; otherwise 0.',
    ({ currentBackoffMs }) => currentBackoffMs / 1000,
  ],
  [
    'gauge',
    'lag_seconds',
    "When the last event arrived, minus the event's own time; 0 after 10 s without events.",
    ({ lagMs }) => seconds(lagMs),
  ],
  [
    'gauge',
    'last_event_timestamp_seconds',
    'When the last event arrived.',
    ({ lastEventAt }) => seconds(lastEventAt),
  ],
  ['gauge', 'cursor', 'The position of the last event received.', ({ cursor }) => cursor],
  [
    'gauge',
    'cursor_saved',
    'The last saved position: that of the oldest event whose work may not be done.',
    ({ checkpoint }) => checkpoint,
  ],
  [
    'gauge',
    'completed',
    '1 when the source has nothing more to emit; only a listing completes.',
    ({ completed }) => (completed === undefined ? undefined : Number(completed)),
  ],
]

/** The `content-type` of {@link prometheusText}. */
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Returns the metrics of a stream as Prometheus' text. Every name begins with `rxjs_atproto_`.
 *
 * For several streams pass a list: Prometheus reads each name only once in a text.
 *
 * **Errors**: {@link ConfigError} for the name of a label that Prometheus does not read.
 *
 * @example
 * ```ts
 * const metrics$ = streamMetrics()
 * jetstream$({ ...config, metrics$ }).subscribe()
 * const text = prometheusText(metrics$.value, { stream: 'posts' })
 * ```
 */
export function prometheusText(
  metrics: StreamMetrics | readonly LabelledMetrics[],
  labels: MetricLabels = {},
): string {
  const streams = isList(metrics) ? metrics : [{ metrics, labels }]
  checkLabels('prometheusText', streams)
  return familiesText(METRICS, streams.map(readable))
}

export function checkLabels(
  callee: string,
  labelled: readonly { readonly labels: MetricLabels }[],
): void {
  const issues = new Issues()
  for (const name of labelled.flatMap(({ labels }) => badLabels(labels)))
    issues.add(`labels.${name}`, 'must be a name of letters, digits and _')
  issues.throwIfAny(callee)
}

const isList = (
  metrics: StreamMetrics | readonly LabelledMetrics[],
): metrics is readonly LabelledMetrics[] => Array.isArray(metrics)

const readable = ({ metrics, labels, completed }: LabelledMetrics): Labelled<Read> => ({
  labels,
  source: readFrom(metrics, completed),
})

/** The metrics as they are now: see `currentLagMs`. */
export const readFrom = (metrics: StreamMetrics, completed?: boolean): Read => ({
  ...metrics,
  lagMs: completed ? 0 : currentLagMs(metrics),
  completed,
})
