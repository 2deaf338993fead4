import type { ConnectionStatus, StreamMetrics } from '../../connection/metrics.js'
import type { StreamError } from '../../errors.js'
import type { StreamOptions } from './config.js'
import type { Deliveries } from './deliveries.js'
import { Troubles } from './troubles.js'

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
    this.options.metrics$?.next(Object.freeze(this.#snapshot()))
  }

  get #status(): ConnectionStatus {
    const host = this.options.stream
    if (!this.consumer.isRunning)
      return Object.freeze({ state: 'closed', host, ...(this.error === undefined ? {} : { reason: this.error }) })
    const trouble = this.troubles.current
    if (trouble !== undefined) {
      const { attempt, nextAttemptAt, reason } = trouble
      return Object.freeze({ state: 'waiting', host, attempt, nextAttemptAt, reason })
    }
    return Object.freeze({ state: this.deliveries.paused ? 'paused' : this.began ? 'open' : 'connecting', host })
  }

  #snapshot(): StreamMetrics {
    const { queued, unrouted, last, gaps, counts, ledger } = this.deliveries
    const { delivered, open, done, dropped, failed, held } = ledger
    return {
      connection: this.#status,
      compression: UNCOMPRESSED,
      ...counts.snapshot(0),
      delivered,
      open,
      done,
      dropped,
      failed,
      held,
      queued,
      unrouted,
      gaps: gaps.count,
      reconnects: this.troubles.count,
      currentBackoffMs: this.troubles.current?.delayMs ?? 0,
      cursor: last,
      checkpoint: undefined,
      checkpointErrors: 0,
    }
  }
}

const UNCOMPRESSED = Object.freeze({ name: 'none' as const })
