import { distinctUntilChanged, map } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import { Rate } from '../../cli/snapshot.js'
import { Watch } from '../../cli/watch.js'
import { Outage } from './outage.js'

/** The streams that rsky-ingester writes. */
export type StreamName = 'firehose_live' | 'repo_backfill' | 'label_live'

// Longer than a server pauses in the midst of a replay.
const QUIET_MS = 10_000

/** One host that is read into one stream, and what is known of it. */
export class HostFeed {
  readonly watch: Watch
  /**
   * Away while there is no connection. One that is paused is there: readers of the stream are
   * behind, and that is their concern.
   */
  readonly away = new Outage()
  /** The host has no more: a backfill alone has an end. */
  completed = false
  /** What the host's stream ended with. */
  failure: unknown
  readonly #rate = new Rate()

  constructor(
    readonly stream: StreamName,
    /** As the person wrote it: so it is named in keys, metrics and messages. */
    readonly host: string,
    messages: Messages,
  ) {
    this.watch = new Watch(messages)
    this.watch.metrics$
      .pipe(
        map(({ connection }) => connection.state),
        distinctUntilChanged(),
      )
      // The connection of a host that has no more is closed behind its completion.
      .subscribe((state) =>
        this.away.tell(!this.completed && state !== 'open' && state !== 'paused'),
      )
  }

  /**
   * How far behind the events are, in milliseconds. A host that has nothing more to send is caught
   * up with, however old its last event was: a quiet labeler would else be days behind for ever.
   */
  get lagMs(): number | undefined {
    const { lagMs, lastEventAt, connection, open } = this.watch.metrics
    const quietMs = lastEventAt === undefined ? 0 : Date.now() - lastEventAt
    const isCaughtUp = connection.state === 'open' && open === 0 && quietMs >= QUIET_MS
    return lagMs !== undefined && (isCaughtUp || this.completed) ? 0 : lagMs
  }

  complete(): void {
    this.completed = true
    this.away.tell(false)
  }

  fail(error: unknown): void {
    this.failure = error
  }

  /** Events a second, of late. `elapsedMs` since the start. */
  rateAt(elapsedMs: number): number {
    return this.#rate.sample(this.watch.metrics.delivered, elapsedMs)
  }
}
