import { Subject, type Subscriber, takeUntil, timer } from 'rxjs'
import type { Outcome } from '../../delivery/delivery.js'
import { DeliveryStream, type StreamOwner } from '../../delivery/delivery-stream.js'
import type { Delivery } from '../../delivery/ledger.js'
import type { StatusChange, StreamPosition } from '../../delivery/metrics-report.js'
import { reject } from '../../delivery/rejects.js'
import { emitShares } from '../../delivery/split-delivery.js'
import { FrameError } from '../../errors.js'
import { backoffMs } from '../../options/backoff.js'
import { type Entry, type EntryOwner, positionOf } from './entry.js'
import type { TrimmedRange } from './group.js'
import type { PendingEntries } from './pending-entries.js'
import type { Outage, Session } from './session.js'

const NO_EVENTS: readonly unknown[] = []

/**
 * Delivers the entries that were read, while the pipe has room, and decides what becomes of each
 * when its delivery ends.
 */
export class Deliveries implements StreamOwner<Entry> {
  readonly host: string
  // A dropped entry is acked.
  readonly canResend = false
  readonly stream: DeliveryStream<Entry>
  /** The pipe has room again. */
  readonly resumed$ = new Subject<void>()
  // Read, and not in the pipe.
  readonly #waiting = new Set<Entry>()
  // Failed in this tick.
  #failures: Entry[] = []
  #isEmitting = false
  // The position of the last delivery.
  #cursor: number | undefined

  constructor(
    private readonly session: Session,
    subscriber: Subscriber<unknown>,
    private readonly pending: ReadonlyMap<string, PendingEntries>,
  ) {
    this.host = session.options.stream
    this.stream = new DeliveryStream(session.options, entryObserver(subscriber), this)
  }

  /** A loop and not a recursion: work that ends at once resumes us from within. */
  offer(entries: readonly Entry[]): void {
    for (const entry of entries) this.#waiting.add(entry)
    if (this.#isEmitting) return
    this.#isEmitting = true
    try {
      for (const entry of this.#waiting) {
        if (this.stream.isPaused || !this.session.isRunning) break
        this.#waiting.delete(entry)
        if (entry.owner.isReading) this.#deliver(entry)
        else entry.owner.interrupted(entry)
      }
    } finally {
      this.#isEmitting = false
    }
  }

  /** Forgets the entries that are not in the pipe yet. */
  withdraw(owner: EntryOwner): void {
    for (const entry of this.#waiting) if (entry.owner === owner) this.#waiting.delete(entry)
  }

  reportTrimmed(host: string, { from, to, count }: TrimmedRange): void {
    this.stream.gaps.report({
      host,
      from: positionOf(from).position,
      to: to === '' ? undefined : positionOf(to).position,
      reason: 'trimmed',
      recoverable: false,
      ...(count === undefined ? {} : { count }),
    })
  }

  #deliver(entry: Entry): void {
    const { counts } = this.stream
    counts.frames += 1
    counts.bytes += bytesOf(entry)
    if (!this.#decode(entry)) return
    counts.events += 1
    entry.state = 'delivered'
    this.#cursor = entry.position
    const time_us = timeOf(entry.events[0])
    this.stream.deliver(entry, entry.owner.stream, entry.position, time_us, entry.index)
    // The pipe alone keeps an event alive, and no ack that waits.
    entry.events = NO_EVENTS
  }

  /** Returns false for an entry that cannot be read or that outlived its processes: rejects it. */
  #decode(entry: Entry): boolean {
    const { maxDeliveries, format } = this.session.options
    try {
      if (entry.deliveries > maxDeliveries) throw new FrameError(neverEnded(entry))
      entry.events = format.decode(entry.fields)
      return true
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#reject(entry, error)
      return false
    }
  }

  #reject(entry: Entry, { message, cause }: FrameError): void {
    this.stream.counts.rejected += 1
    entry.owner.moveToDeadLetter(entry, message)
    const error = new FrameError(message, { position: entry.position, time_us: 0 }, { cause })
    const { rejects } = this.session.options
    reject(rejects, entry.owner.stream, JSON.stringify(entry.fields), error)
  }

  // --- How a delivery ends ---

  settled({ event: entry }: Delivery<Entry>, outcome: Outcome): void {
    if (outcome === 'failed') this.#failed(entry)
    else entry.owner.done(entry)
  }

  /**
   * Decided in a microtask: if this failure ends the stream, all other deliveries fail with it, and
   * only the first is to blame.
   */
  #failed(entry: Entry): void {
    if (!this.session.isRunning) {
      entry.owner.giveBack([entry])
      return
    }
    entry.state = 'failed'
    this.#failures.push(entry)
    if (this.#failures.length === 1) queueMicrotask(() => this.#decide())
  }

  #decide(): void {
    const [first, ...others] = this.#failures
    this.#failures = []
    if (first !== undefined) this.#retry(first)
    for (const entry of others) {
      if (this.session.isRunning) this.#retry(entry)
      else entry.owner.interrupted(entry)
    }
  }

  #retry(entry: Entry): void {
    if (!entry.owner.failed(entry)) return
    timer(backoffMs(entry.deliveries - 1, this.session.options.backoff))
      .pipe(takeUntil(this.session.ended$))
      .subscribe(() => {
        // It may have been given back meanwhile, with its partition or the subscription.
        if (entry.state === 'waiting') this.offer([entry])
      })
  }

  // --- What the delivery stream asks of its owner ---

  get position(): StreamPosition {
    // The group keeps the checkpoint.
    return { cursor: this.#cursor }
  }

  paused(): void {
    this.publishStatus()
  }

  /**
   * Goes on in a microtask: an operator that ends resumes us as well, and our own end follows at
   * once.
   */
  resumed(): void {
    queueMicrotask(() => {
      if (this.stream.isPaused || this.stream.isStopped) return
      this.publishStatus()
      this.offer([])
      this.resumed$.next()
    })
  }

  flush(): PromiseLike<void> | undefined {
    const writing = [...this.pending.values()].flatMap((entries) => entries.flush() ?? [])
    if (this.session.options.partitions !== undefined)
      return Promise.all(writing).then(() => this.session.whenReleased())
    return writing.length === 0 ? undefined : Promise.all(writing).then(() => {})
  }

  stopped(): void {
    this.session.linger()
  }

  // --- Metrics ---

  publishStatus(): void {
    const { report, counts, isStopped } = this.stream
    const { count, current } = this.session.outages
    counts.reconnects = count
    report.backoffMs = current?.delayMs ?? 0
    if (isStopped) report.publish()
    else report.become(this.#status(current))
  }

  #status(outage: Outage | undefined): StatusChange {
    const { host } = this
    if (outage !== undefined) {
      const { attempt, nextAttemptAt, reason } = outage
      return { state: 'waiting', host, attempt, nextAttemptAt, reason }
    }
    if (this.stream.isPaused) return { state: 'paused', host }
    return { state: this.session.hasBegun ? 'open' : 'connecting', host }
  }
}

/** Emits the events of an entry. Most entries hold one, at the entry's own place. */
const entryObserver = (subscriber: Subscriber<unknown>) => ({
  next({ events, index }: Entry): void {
    if (events.length === 1) subscriber.next(events[0])
    else emitShares(events, index, subscriber)
  },
  error: (error: unknown) => subscriber.error(error),
})

const neverEnded = ({ deliveries }: Entry): string =>
  `the entry was delivered ${deliveries - 1} times, and never ended: its processes died`

function bytesOf({ fields }: Entry): number {
  let bytes = 0
  for (const field of fields) bytes += field.length
  return bytes
}

/** The time of an event of this library; 0 where it has none. */
function timeOf(event: unknown): number {
  const time_us = (event as { readonly time_us?: unknown } | undefined)?.time_us
  return typeof time_us === 'number' ? time_us : 0
}
