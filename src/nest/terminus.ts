import { Module } from '@nestjs/common'
import {
  type HealthIndicatorResult,
  HealthIndicatorService,
  TerminusModule,
} from '@nestjs/terminus'
import { ConfigError, type HealthLimits } from '../index.js'
import type { NamedStream } from './atproto-stream.js'
import { AtprotoCoreModule, AtprotoStreams } from './streams.js'

/** What {@link AtprotoHealthIndicator} looks at, and what it tolerates. */
export interface AtprotoHealthOptions extends HealthLimits {
  /**
   * The name of one stream.
   * @default all streams
   */
  readonly stream?: string | undefined
}

/**
 * Tells Terminus whether the streams work, with the rules of `healthOf`.
 *
 * @example
 * ```ts
 * const healthy = (indicator: AtprotoHealthIndicator) =>
 *   indicator.isHealthy('atproto', { withinMs: 60_000, maxLagMs: 300_000 })
 * ```
 */
export class AtprotoHealthIndicator {
  constructor(
    private readonly streams: AtprotoStreams,
    private readonly indicators: HealthIndicatorService,
  ) {}

  /**
   * `up`, or `down` with reasons; beside it the state of each stream. **Errors**: rejects with
   * {@link ConfigError} for an option that is not valid, and for an unknown stream.
   */
  async isHealthy<Key extends string>(
    key: Key,
    { stream, ...limits }: AtprotoHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const results = this.#named(stream).map((one) => ({ one, ...one.health(limits) }))
    const streams = Object.fromEntries(
      results.map(({ one: { name, metrics$ }, healthy, reasons }) => [
        name,
        { healthy, state: metrics$.value.connection.state, lagMs: metrics$.value.lagMs, reasons },
      ]),
    )
    const session = this.indicators.check(key)
    return results.every(({ healthy }) => healthy)
      ? session.up({ streams })
      : session.down({ streams })
  }

  #named(name: string | undefined): readonly NamedStream[] {
    const named = this.streams.all.filter((one) => name === undefined || one.name === name)
    if (named.length > 0) return named
    const message =
      name === undefined ? 'is missing: no module configures one' : `'${name}' is the name of none`
    throw new ConfigError('isHealthy', [{ option: 'stream', message }])
  }
}

/** Brings {@link AtprotoHealthIndicator}, and Terminus's own module. */
export class AtprotoTerminusModule {}
Module({
  imports: [TerminusModule, AtprotoCoreModule],
  providers: [
    {
      provide: AtprotoHealthIndicator,
      inject: [AtprotoStreams, HealthIndicatorService],
      useFactory: (streams: AtprotoStreams, indicators: HealthIndicatorService) =>
        new AtprotoHealthIndicator(streams, indicators),
    },
  ],
  exports: [AtprotoHealthIndicator, TerminusModule],
})(AtprotoTerminusModule)
