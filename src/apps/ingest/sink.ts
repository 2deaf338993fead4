import { distinctUntilChanged, map, type OperatorFunction } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import { RedisUnavailableError, type StreamError } from '../../index.js'
import { type RedisSinkMetrics, redisSinkMetrics, toRedisStream } from '../../redis.js'
import { Outage } from './health.js'
import type { StreamName } from './host-feed.js'
import type { Redis } from './redis-link.js'
import type { Settings } from './settings.js'

/** The sink of one Redis stream, with its metrics and state. */
export class EntrySink {
  /** While Redis accepts nothing. Waiting for readers is not an outage: they are behind. */
  readonly outage = new Outage()
  readonly metrics$ = redisSinkMetrics()

  constructor(
    readonly stream: StreamName,
    private readonly settings: Settings,
    private readonly messages: Messages,
  ) {
    this.metrics$
      .pipe(
        map(({ status }) => status.state),
        distinctUntilChanged(),
      )
      .subscribe((state) => this.outage.update(state === 'starting' || state === 'waiting'))
  }

  get metrics(): RedisSinkMetrics {
    return this.metrics$.value
  }

  /** The state for the display. */
  get stateText(): string {
    const { status } = this.metrics
    if (status.state === 'waiting') return `waiting (${causeOf(status.reason)})`
    return status.state === 'high-water' ? 'waiting for readers' : status.state
  }

  /** Redis assigns the ids: hosts share a stream, and rsky-ingester may have started it. */
  write<Event>(client: Redis): OperatorFunction<Event, Event> {
    const { batchSize, batchTimeout, highWaterMark } = this.settings
    return toRedisStream<Event>({
      client,
      stream: this.stream,
      format: 'rsky',
      ids: 'redis',
      size: batchSize,
      maxWaitMs: batchTimeout,
      highWaterMark,
      metrics$: this.metrics$,
      log: { warn: (text) => this.messages.warn(text) },
    })
  }
}

/** Redis' own reason where there is one: `OOM` says more than our error code. */
const causeOf = (error: StreamError): string =>
  error instanceof RedisUnavailableError ? error.reason : error.code
