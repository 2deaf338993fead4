import type { ConnectionStatus } from '../../delivery/metrics.js'
import { snapshotOf } from '../../delivery/metrics-report.js'
import type { StreamError } from '../../errors.js'
import { tell } from '../../internal/tell.js'
import type { StreamOptions } from './config.js'
import type { Deliveries } from './deliveries.js'
import { Troubles } from './outages.js'

/** What metrics tell of one subscription. */
export class Report {
  readonly troubles: Troubles
  /** A stream and its group are there. */
  began = false
  /** By which it ended. */
  error: StreamError | undefined

  constructor(
    private readonly options: StreamOptions,
    private readonly deliveries: Deliveries,
    private readonly consumer: { readonly isRunning: boolean },
  ) {
    this.troubles = new Troubles(options.reconnect)
  }

  /** With the drops since the last time, as a gap. */
  publish(): void {
    this.deliveries.gaps.flush()
    this.tell()
  }

  tell(): void {
    const backoffMs = this.troubles.current?.delayMs ?? 0
    // A group keeps its positions itself.
    tell(
      this.options.metrics$,
      snapshotOf(this.deliveries, this.#status, backoffMs, { cursor: this.deliveries.last }),
    )
  }

  get #status(): ConnectionStatus {
    const host = this.options.stream
    if (!this.consumer.isRunning)
      return { state: 'closed', host, ...(this.error === undefined ? {} : { reason: this.error }) }
    const trouble = this.troubles.current
    if (trouble !== undefined) {
      const { attempt, nextAttemptAt, reason } = trouble
      return { state: 'waiting', host, attempt, nextAttemptAt, reason }
    }
    return { state: this.deliveries.paused ? 'paused' : this.began ? 'open' : 'connecting', host }
  }
}
