import {
  asyncScheduler,
  type BehaviorSubject,
  distinctUntilChanged,
  map,
  type Observer,
} from 'rxjs'
import { isLogger, LOGGER, type Logger, levelsOf } from '../internal/log.js'
import { Issues } from '../options/issues.js'
import { type Gap, gapText } from './gaps.js'
import { type ConnectionStatus, type StreamMetrics, streamMetrics } from './metrics.js'
import type { RejectedFrame } from './rejects.js'

/** The observers of one source, which write to a logger: spread them into its config. */
export interface LoggedObservers {
  readonly metrics$: BehaviorSubject<StreamMetrics>
  readonly gaps: Partial<Observer<Gap>>
  readonly rejects: Partial<Observer<RejectedFrame>>
}

/**
 * Makes observers that log: one line for each change of the connection's state, each gap and each
 * reject. Make them anew for each source.
 *
 * A wait, a gap and a reject are a `warn`, the error that ends a stream is an `error`, all other
 * states are an `info`. A logger without one of these methods receives it by `warn`. With
 * `console`, all lines go to stderr.
 *
 * **Errors**: {@link ConfigError} if `logger` has no method `warn`.
 *
 * @example
 * ```ts
 * const observers = logTo(console)
 * jetstream$({ ...observers, collections: ['app.bsky.feed.post'] }).subscribe()
 * observers.metrics$.value.connection.state
 * ```
 */
export function logTo(logger: Logger): LoggedObservers {
  const issues = new Issues()
  if (!isLogger(logger)) issues.add('logger', LOGGER.replace('false, or ', ''))
  issues.throwIfAny('logTo')
  const log = levelsOf(logger)
  const metrics$ = streamMetrics()
  metrics$
    .pipe(
      map(({ connection }) => connection),
      distinctUntilChanged(isSame),
    )
    .subscribe((status) => {
      const line = lineOf(status)
      if (line !== undefined) log[line.level](line.text)
    })
  return {
    metrics$,
    gaps: { next: (gap) => log.warn(gapText(gap)) },
    rejects: {
      next: ({ host, length, error }) =>
        log.warn(`${host}: a frame of length ${length} cannot be read: ${error.message}`),
    },
  }
}

const isSame = (one: ConnectionStatus, other: ConnectionStatus): boolean =>
  one.state === other.state &&
  one.host === other.host &&
  (one.state !== 'waiting' || other.state !== 'waiting' || one.attempt === other.attempt)

interface Line {
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
}

function lineOf(status: ConnectionStatus): Line | undefined {
  switch (status.state) {
    case 'idle':
      return undefined
    case 'waiting': {
      const { host, attempt, nextAttemptAt, reason } = status
      const seconds = Math.max(0, nextAttemptAt - asyncScheduler.now()) / 1000
      const when = `retry ${attempt} in ${seconds.toFixed(1)} s`
      return { level: 'warn', text: `${host}: ${when}, after ${reason.code}: ${reason.message}` }
    }
    case 'closed': {
      const { host, reason } = status
      return reason === undefined
        ? { level: 'info', text: `${host}: closed` }
        : { level: 'error', text: `${host}: ended by ${reason.code}: ${reason.message}` }
    }
    default: {
      const { host, state, redialled } = status
      const why = redialled === undefined || state !== 'connecting' ? '' : `, since ${redialled}`
      return { level: 'info', text: `${host}: ${state}${why}` }
    }
  }
}
