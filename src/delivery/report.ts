import { asyncScheduler, type BehaviorSubject } from 'rxjs'
import { StreamError } from '../errors.js'
import { tell } from '../internal/tell.js'
import type { ConnectionStatus, StreamMetrics } from './metrics.js'
import { type StreamCounters, type StreamPosition, snapshotOf } from './snapshot.js'

/** Tells the metrics of one stream: what its connection does, kept here, and its numbers. */
export class MetricsReport {
  /** The delay that is waited now. */
  backoffMs = 0
  #status: ConnectionStatus

  constructor(
    private readonly metrics$: BehaviorSubject<StreamMetrics> | undefined,
    private readonly numbers: StreamCounters,
    private readonly standing: () => StreamPosition,
    host: string,
  ) {
    this.#status = { state: 'connecting', host }
  }

  get state(): ConnectionStatus['state'] {
    return this.#status.state
  }

  become(status: ConnectionStatus): void {
    this.#status = status
    this.publish()
  }

  /** The next attempt, at `host`, comes after the backoff. */
  waiting(host: string, attempt: number, reason: StreamError): void {
    this.become({
      state: 'waiting',
      host,
      attempt,
      nextAttemptAt: asyncScheduler.now() + this.backoffMs,
      reason,
    })
  }

  /** Why the stream ends: told with its end, which follows. */
  failed(host: string, error: unknown): void {
    this.#status = {
      state: 'closed',
      host,
      ...(error instanceof StreamError ? { reason: error } : {}),
    }
  }

  ended(host: string): void {
    this.backoffMs = 0
    this.become(this.state === 'closed' ? this.#status : { state: 'closed', host })
  }

  /** With the drops since the last time, as a gap. */
  publish(): void {
    this.numbers.gaps.flush()
    this.tell()
  }

  tell(): void {
    tell(this.metrics$, snapshotOf(this.numbers, this.#status, this.backoffMs, this.standing()))
  }
}
