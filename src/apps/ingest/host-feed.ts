import { distinctUntilChanged, map } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import { Rate } from '../../cli/snapshot.js'
import { Watch } from '../../cli/watch.js'
import { Outage } from './health.js'

/** The streams that rsky-ingester writes. */
export type StreamName = 'firehose_live' | 'repo_backfill' | 'label_live'

// Longer than a server pauses during a replay.
const QUIET_MS = 10_000

/** One host that is read into one stream, with its metrics and state. */
export class HostFeed {
  readonly watch: Watch
  /**
   * While there is no connection. A paused connection is not an outage: the readers of the stream
   * are behind, which a restart of this program would not help.
   */
  readonly outage = new Outage()
  /** The host has nothing more to send. Only a backfill completes. */
  completed = false
  /** The error that ended the host's stream. */
  failure: unknown
  readonly #rate = new Rate()

  constructor(
    readonly stream: StreamName,
    /** As the user wrote it: keys, metrics and messages use this spelling. */
    readonly host: string,
    messages: Messages,
  ) {
    this.watch = new Watch(messages)
    this.watch.metrics$
      .pipe(
        map(({ connection }) => connection.state),
        distinctUntilChanged(),
      )
      // A completed host closes its connection, which is not an outage.
      .subscribe((state) =>
        this.outage.update(!this.completed && state !== 'open' && state !== 'paused'),
      )
  }

  /**
   * How far behind the events are, in milliseconds; 0 while the host has nothing more to send,
   * however old its last event is. Otherwise a quiet labeler would appear days behind.
   */
  get lagMs(): number | undefined {
    const { lagMs, lastEventAt, connection, open } = this.watch.metrics
    const quietMs = lastEventAt === undefined ? 0 : Date.now() - lastEventAt
    const isCaughtUp = connection.state === 'open' && open === 0 && quietMs >= QUIET_MS
    return lagMs !== undefined && (isCaughtUp || this.completed) ? 0 : lagMs
  }

  complete(): void {
    this.completed = true
    this.outage.update(false)
  }

  fail(error: unknown): void {
    this.failure = error
  }

  /** Events per second over the last seconds. `elapsedMs`: the time since the start. */
  rateAt(elapsedMs: number): number {
    return this.#rate.sample(this.watch.metrics.delivered, elapsedMs)
  }
}
