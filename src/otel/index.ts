export { type OtelMetricsOptions, otelMetrics } from './otel-metrics.js'
export { type TracedOptions, traced } from './traced.js'
