import type { Observable } from 'rxjs'
import { VERSION } from '../../index.js'
import { feedFamilies } from './feed-metrics.js'
import { healthProblems } from './health.js'
import type { HostFeed } from './host-feed.js'
import type { Pipeline } from './pipelines.js'
import type { Family } from './prometheus.js'
import type { RedisLink } from './redis-link.js'
import type { Settings } from './settings.js'
import { sinkFamilies } from './sink-metrics.js'

/** All that is known of a run, for whoever shows it. */
export class IngestState {
  readonly feeds: readonly HostFeed[]
  readonly #startedAt = performance.now()

  constructor(
    readonly settings: Settings,
    readonly lanes: readonly Pipeline[],
    private readonly link: RedisLink,
  ) {
    this.feeds = lanes.flatMap(({ feeds }) => feeds)
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** All that is told as time goes on. */
  get numbers(): readonly Observable<unknown>[] {
    return [
      ...this.feeds.map(({ watch }) => watch.metrics$),
      ...this.lanes.map(({ sink }) => sink.metrics$),
    ]
  }

  /** Whose end `error` is: one host ends them all. */
  hostOf(error: unknown): string | undefined {
    return this.#failing(error)?.host
  }

  /** Whether what failed had been there before: the host that ended with it, or else Redis. */
  hasReached(error: unknown): boolean {
    return (
      this.#failing(error)?.watch.connected ??
      this.lanes.some(({ sink }) => sink.metrics.written + sink.metrics.duplicates > 0)
    )
  }

  /** What has been away for too long. */
  get ailments(): readonly string[] {
    const redis = { name: 'Redis', away: this.link.away }
    // Where Redis is away, nothing else can be there, and that says nothing of it.
    const found = healthProblems([redis], this.settings.healthyWithin)
    if (found.length > 0) return found
    const hosts = this.feeds.map(({ stream, host, away }) => ({
      name: `${host} (${stream})`,
      away,
    }))
    const sinks = this.lanes.map(({ stream, sink }) => ({
      name: `writing ${stream}`,
      away: sink.away,
    }))
    return healthProblems([...hosts, ...sinks], this.settings.healthyWithin)
  }

  get families(): readonly Family[] {
    const info = { labels: { version: VERSION, mode: this.settings.mode }, value: 1 }
    return [
      { name: 'rxjs_atproto_info', type: 'gauge', help: 'What runs here.', samples: [info] },
      ...feedFamilies(this.feeds),
      ...sinkFamilies(this.lanes.map(({ sink }) => sink)),
    ]
  }

  /** For a person who asks why, and for `--metrics`. */
  get state(): object {
    return {
      hosts: this.feeds.map(({ stream, host, watch: { metrics } }) => ({
        stream,
        host,
        ...metrics,
      })),
      streams: this.lanes.map(({ stream, sink: { metrics } }) => ({ stream, ...metrics })),
    }
  }

  #failing(error: unknown): HostFeed | undefined {
    return this.feeds.find((feed) => feed.failure === error)
  }
}
