import { asyncScheduler } from 'rxjs'
import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { defaultsTo, patience } from '../options/pieces.js'
import { currentLagMs } from './lag.js'
import type { ConnectionStatus, StreamMetrics } from './metrics.js'

/** What {@link healthOf} tolerates. */
export interface HealthLimits {
  /**
   * How long a stream may be without a connection, in milliseconds.
   * @default 60_000
   */
  readonly withinMs?: number | undefined
  /**
   * How far behind the events may be, in milliseconds. A connection without events for 10 s is not
   * behind.
   * @default Infinity
   */
  readonly maxLagMs?: number | undefined
}

/** Whether a stream works, and one clause for each reason why it does not. */
export interface Health {
  readonly healthy: boolean
  readonly reasons: readonly string[]
}

const shape = {
  withinMs: defaultsTo(patience, 60_000),
  maxLagMs: defaultsTo(patience, Number.POSITIVE_INFINITY),
}

/**
 * Tells from a snapshot of `metrics$` whether a stream works: for a health check.
 *
 * Unhealthy is a stream that is not subscribed, has ended, has had no connection for `withinMs`, or
 * is more than `maxLagMs` behind. Healthy is an open connection without events, and one that waits
 * for your own queues: a restart would not help.
 *
 * **Errors**: {@link ConfigError} for a limit that is not valid.
 *
 * @example
 * ```ts
 * const metrics$ = streamMetrics()
 * jetstream$({ ...config, metrics$ }).subscribe()
 * const { healthy, reasons } = healthOf(metrics$.value, { withinMs: 60_000, maxLagMs: 300_000 })
 * ```
 */
export function healthOf(metrics: StreamMetrics, limits: HealthLimits = {}): Health {
  const issues = new Issues()
  const { withinMs, maxLagMs } = checkShape(shape, limits, issues)
  issues.throwIfAny('healthOf')
  const reasons = [
    ...connectionProblems(metrics.connection, withinMs),
    ...lagProblems(metrics, maxLagMs),
  ]
  return { healthy: reasons.length === 0, reasons }
}

function connectionProblems(connection: ConnectionStatus, withinMs: number): readonly string[] {
  const { state, since, reason } = connection
  const why = reason === undefined ? '' : `: ${reason.message}`
  switch (state) {
    case 'idle':
      return ['the stream is not subscribed']
    case 'closed':
      return [reason === undefined ? 'the stream has ended' : `the stream has failed${why}`]
    case 'connecting':
    case 'waiting': {
      const awayMs = asyncScheduler.now() - since
      return awayMs > withinMs
        ? [`no connection to ${connection.host} for ${duration(awayMs)}${why}`]
        : []
    }
    default:
      return []
  }
}

function lagProblems(metrics: StreamMetrics, maxLagMs: number): readonly string[] {
  const lagMs = currentLagMs(metrics) ?? 0
  return lagMs > maxLagMs
    ? [`events are ${duration(lagMs)} behind, more than ${duration(maxLagMs)}`]
    : []
}

const UNITS = [
  [172_800_000, 86_400_000, 'days'],
  [7_200_000, 3_600_000, 'h'],
  [120_000, 60_000, 'min'],
] as const

/** `90 s`, `45 min`, `3 h`, `334 days`. */
function duration(ms: number): string {
  const [, size, unit] = UNITS.find(([from]) => ms >= from) ?? [0, 1000, 's']
  return `${Math.round(ms / size)} ${unit}`
}
