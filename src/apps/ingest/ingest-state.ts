import type { Observable } from 'rxjs'
import { prometheusText, VERSION } from '../../index.js'
import { redisPrometheusText } from '../../redis.js'
import { healthProblems } from './health.js'
import type { HostFeed } from './host-feed.js'
import type { Pipeline } from './pipelines.js'
import type { RedisLink } from './redis-link.js'
import type { Settings } from './settings.js'

/** The state of a run, for the display, the metrics and the health check. */
export class IngestState {
  readonly feeds: readonly HostFeed[]
  readonly #startedAt = performance.now()

  constructor(
    readonly settings: Settings,
    readonly pipelines: readonly Pipeline[],
    private readonly link: RedisLink,
  ) {
    this.feeds = pipelines.flatMap(({ feeds }) => feeds)
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** The metrics of every host and stream: each subject emits when its figures are fresh. */
  get metricsSubjects(): readonly Observable<unknown>[] {
    return [
      ...this.feeds.map(({ watch }) => watch.metrics$),
      ...this.pipelines.map(({ sink }) => sink.metrics$),
    ]
  }

  /** The host whose stream failed with `error`; one failure ends the whole run. */
  failedHost(error: unknown): string | undefined {
    return this.#failing(error)?.host
  }

  /** Whether the host that failed with `error`, or else Redis, had been reached before. */
  hasReached(error: unknown): boolean {
    return (
      this.#failing(error)?.watch.connected ??
      this.pipelines.some(({ sink }) => sink.metrics.written + sink.metrics.duplicates > 0)
    )
  }

  /** One clause for each host, stream or Redis that has been away for too long. */
  get problems(): readonly string[] {
    const redis = { name: 'Redis', outage: this.link.outage }
    // Without Redis nothing else can work, so the others would only add noise.
    const problems = healthProblems([redis], this.settings.healthyWithin)
    if (problems.length > 0) return problems
    const hosts = this.feeds.map(({ stream, host, outage }) => ({
      name: `${host} (${stream})`,
      outage,
    }))
    const sinks = this.pipelines.map(({ stream, sink }) => ({
      name: `writing ${stream}`,
      outage: sink.outage,
    }))
    return healthProblems([...hosts, ...sinks], this.settings.healthyWithin)
  }

  /**
   * All figures as Prometheus' text. Labels are the stream and the host as the user wrote it: their
   * number depends on the settings only, never on what the network sends.
   */
  get metricsText(): string {
    const feeds = this.feeds.map(({ stream, host, completed, watch: { metrics } }) => ({
      metrics,
      completed,
      labels: { stream, host },
    }))
    const sinks = this.pipelines.map(({ stream, sink: { metrics } }) => ({
      metrics,
      labels: { stream },
    }))
    return infoText(this.settings.mode) + prometheusText(feeds) + redisPrometheusText(sinks)
  }

  /** All figures as JSON, for `/healthz` and `--metrics`. */
  get snapshot(): object {
    return {
      hosts: this.feeds.map(({ stream, host, watch: { metrics } }) => ({
        stream,
        host,
        ...metrics,
      })),
      streams: this.pipelines.map(({ stream, sink: { metrics } }) => ({ stream, ...metrics })),
    }
  }

  #failing(error: unknown): HostFeed | undefined {
    return this.feeds.find((feed) => feed.failure === error)
  }
}

const infoText = (mode: string): string =>
  [
    '# HELP rxjs_atproto_info The version and the mode.',
    '# TYPE rxjs_atproto_info gauge',
    `rxjs_atproto_info{version="${VERSION}",mode="${mode}"} 1`,
    '',
  ].join('\n')
