import {
  type Attributes,
  type BatchObservableCallback,
  metrics as globalMetrics,
  type Observable as Instrument,
  type Meter,
} from '@opentelemetry/api'
import { type BehaviorSubject, Subscription } from 'rxjs'
import type { StreamMetrics } from '../delivery/metrics.js'
import { METRICS, readFrom } from '../delivery/prometheus.js'
import { samplesOf } from '../internal/prometheus.js'
import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { VERSION } from '../version.js'
import { messagingAttributes, SCOPE, writtenNames } from './names.js'
import { metricsShape } from './options.js'

/** How {@link otelMetrics} names a stream. */
export interface OtelMetricsOptions {
  /**
   * The name of the stream: distinguishes it from others of the program. It is the attribute
   * `stream`, and `messaging.destination.name` under the messaging conventions.
   * @default none
   */
  readonly stream?: string | undefined
  /**
   * More attributes of every metric.
   * @default none
   */
  readonly attributes?: Attributes | undefined
  /**
   * The meter that makes the instruments.
   * @default that of the global `MeterProvider`, named `rxjs-atproto`
   */
  readonly meter?: Meter | undefined
  /**
   * Read in place of the environment variable `OTEL_SEMCONV_STABILITY_OPT_IN`: `messaging` or
   * `messaging/dup`, among other words.
   * @default the variable
   */
  readonly semconvStabilityOptIn?: string | undefined
}

/**
 * Makes an observable instrument of OpenTelemetry for each metric of a stream. They are read when
 * the SDK collects, and are the metrics of {@link prometheusText} by other names:
 * `rxjs_atproto.events_done` for `rxjs_atproto_events_done_total`, and `rxjs_atproto.lag` in `s`
 * for `rxjs_atproto_lag_seconds`.
 *
 * With `messaging` in `OTEL_SEMCONV_STABILITY_OPT_IN`, what the stream has delivered is counted in
 * `messaging.client.consumed.messages` too.
 *
 * Unsubscribe to stop. **Errors**: {@link ConfigError} at the call.
 *
 * @example
 * ```ts
 * const metrics$ = streamMetrics()
 * jetstream$({ ...config, metrics$ }).subscribe()
 * otelMetrics(metrics$, { stream: 'posts' })
 * ```
 */
export function otelMetrics(
  metrics$: Pick<BehaviorSubject<StreamMetrics>, 'value'>,
  options: OtelMetricsOptions = {},
): Subscription {
  const issues = new Issues()
  const { stream, attributes, meter, semconvStabilityOptIn } = checkShape(
    metricsShape,
    options,
    issues,
  )
  issues.throwIfAny('otelMetrics')
  const labels = { ...attributes, ...(stream === undefined ? {} : { stream }) }
  const from = meter ?? globalMetrics.getMeter(SCOPE, VERSION)
  const reads = METRICS.map(([type, name, help, read]) => {
    const instrument = instrumentOf(from, type, name, help)
    return { instrument, read, attributes: labels as Attributes }
  })
  if (writtenNames(semconvStabilityOptIn).messaging)
    reads.push({
      instrument: consumedMessages(from),
      read: ({ delivered }) => delivered,
      attributes: { ...attributes, ...messagingAttributes(RECEIVE, stream) },
    })
  const instruments = reads.map(({ instrument }) => instrument)
  const observe: BatchObservableCallback = (result) => {
    const now = readFrom(metrics$.value)
    for (const { instrument, read, attributes } of reads)
      for (const [value, kind] of samplesOf(read(now), {}))
        result.observe(instrument, value, { ...attributes, ...kind })
  }
  from.addBatchObservableCallback(observe, instruments)
  return new Subscription(() => from.removeBatchObservableCallback(observe, instruments))
}

const RECEIVE = { name: 'receive', type: 'receive' }

function instrumentOf(
  meter: Meter,
  type: 'counter' | 'gauge',
  name: string,
  description: string,
): Instrument {
  // Names have no unit and no `_total`: an exporter for Prometheus adds both.
  const bare = `rxjs_atproto.${name.replace(/_total$|_seconds$/, '')}`
  const options = { description, unit: unitOf(name) }
  return type === 'counter'
    ? meter.createObservableCounter(bare, options)
    : meter.createObservableGauge(bare, options)
}

const consumedMessages = (meter: Meter): Instrument =>
  meter.createObservableCounter('messaging.client.consumed.messages', {
    description: 'Number of messages that were delivered to the application.',
    unit: '{message}',
  })

function unitOf(name: string): string {
  if (name.endsWith('_seconds')) return 's'
  const [, thing] = /^(event|frame|gap|reconnect)/.exec(name) ?? []
  if (name.startsWith('bytes')) return 'By'
  return thing === undefined ? '1' : `{${thing}}`
}
