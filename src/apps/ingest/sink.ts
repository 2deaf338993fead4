import { distinctUntilChanged, map, type OperatorFunction } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import { RedisUnavailableError, type StreamError } from '../../index.js'
import { type RedisSinkMetrics, redisSinkMetrics, toRedisStream } from '../../redis.js'
import type { StreamName } from './host-feed.js'
import { Outage } from './outage.js'
import type { Redis } from './redis-link.js'
import type { Settings } from './settings.js'

/** How one stream of Redis is written, and what is known of it. */
export class EntrySink {
  /**
   * Away while Redis takes nothing. A sink that waits for readers is there: they are what is
   * behind.
   */
  readonly away = new Outage()
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
      .subscribe((state) => this.away.tell(state === 'starting' || state === 'waiting'))
  }

  get metrics(): RedisSinkMetrics {
    return this.metrics$.value
  }

  /** What it does now, for a person. */
  get word(): string {
    const { status } = this.metrics
    if (status.state === 'waiting') return `waiting (${causeOf(status.reason)})`
    return status.state === 'high-water' ? 'waiting for readers' : status.state
  }

  /** Redis makes the ids: several hosts share a stream, and rsky-ingester may have begun it. */
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

/** Redis' own word for it where there is one: `OOM` says more than the code of our error. */
const causeOf = (error: StreamError): string =>
  error instanceof RedisUnavailableError ? error.reason : error.code
