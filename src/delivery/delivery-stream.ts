import {
  asyncScheduler,
  type BehaviorSubject,
  ignoreElements,
  interval,
  type Observable,
  type Observer,
  tap,
} from 'rxjs'
import type { Log } from '../internal/log.js'
import type { DeliverySource, HeldDelivery, Outcome } from './delivery.js'
import { type Gap, Gaps } from './gaps.js'
import { type DeliveredRange, type Delivery, Ledger, type Settlement } from './ledger.js'
import type { StreamMetrics } from './metrics.js'
import { MetricsReport, StreamCounts, type StreamPosition } from './metrics-report.js'
import type { EventPosition } from './position.js'
import { currentWatch, type WatchedStream } from './subscription-watch.js'

/** Where one subscription's metrics, gaps and warnings go. */
export interface DeliveryStreamOptions {
  readonly metrics$: BehaviorSubject<StreamMetrics> | undefined
  readonly gaps: Partial<Observer<Gap>> | undefined
  readonly log: Log
}

/** Positions as the text of a store. */
export interface StoredPositions {
  /** The text that begins after `last`; `undefined` while there is none. */
  past(last: EventPosition): string | undefined
}

/** The source that composes a {@link DeliveryStream}: what differs from one source to the next. */
export interface StreamOwner<Event> extends Settlement<Event> {
  /** The host that metrics name. */
  readonly host: string
  /** Read for each metrics snapshot. */
  readonly position: StreamPosition
  /** Whether the server sends a dropped event again when asked for its position. */
  readonly canResend: boolean
  /** A queue is full, the first one. */
  paused(): void
  /** No queue is full any more. */
  resumed(): void
  /** See {@link DeliverySource.flush}. */
  flush(): PromiseLike<void> | undefined
  /** Positions that a program stores itself. */
  readonly positions?: StoredPositions | undefined
  /** The subscription has ended. Open deliveries may still be settled. */
  stopped(): void
}

const PUBLISH_EVERY_MS = 1000
const UNREACHED_MS = 10_000

/**
 * One subscription of any source, from the moment an event is read: counts and delivers events,
 * adds up the pauses of the operators, reports gaps, publishes metrics, and ends.
 */
export class DeliveryStream<Event> implements DeliverySource, Settlement<Event>, WatchedStream {
  queued = 0
  unrouted = 0
  readonly unroutedKinds = new Map<string, number>()
  readonly counts = new StreamCounts()
  readonly gaps: Gaps
  readonly ledger: Ledger<Event>
  readonly report: MetricsReport
  // How many queues are full.
  #pauses = 0
  #stopped = false
  readonly #log: Log
  #hasWarned = false

  constructor(
    { metrics$, gaps, log }: DeliveryStreamOptions,
    private readonly subscriber: Pick<Observer<Event>, 'next' | 'error'>,
    private readonly owner: StreamOwner<Event>,
  ) {
    this.gaps = new Gaps(gaps, log)
    this.ledger = new Ledger<Event>(this, this)
    this.report = new MetricsReport(metrics$, this, () => owner.position, owner.host)
    this.#log = log
    currentWatch()?.found(this)
  }

  /** Publishes the metrics every second. */
  readonly clock$: Observable<never> = interval(PUBLISH_EVERY_MS).pipe(
    tap(() => {
      this.report.publish()
      this.#warnIfUnreached()
    }),
    ignoreElements(),
  )

  /** Emits one event as a delivery. `heardAt`: when it arrived, in unix milliseconds. */
  deliver(
    event: Event,
    host: string,
    position: number,
    time_us: number,
    index: number,
    heardAt: number = asyncScheduler.now(),
  ): void {
    this.counts.eventAt(heardAt, time_us)
    const { ledger } = this
    ledger.deliver(ledger.delivery(event, host, position, time_us, index), this.subscriber)
  }

  /** As {@link deliver}, of several events that are emitted as one. */
  deliverRange(event: Event, range: DeliveredRange, heardAt: number = asyncScheduler.now()): void {
    this.counts.eventAt(heardAt, range.last.time_us)
    this.ledger.deliver(this.ledger.rangeDelivery(event, range), this.subscriber)
  }

  settled(delivery: Delivery<Event>, outcome: Outcome): void {
    if (outcome === 'dropped') this.#dropped(delivery)
    this.owner.settled(delivery, outcome)
    // The clock has stopped with the stream. Drops are still reported together.
    if (!this.#stopped) return
    if (this.ledger.open === 0) this.report.publish()
    else this.report.publishCounters()
  }

  #dropped(delivery: Delivery<Event>): void {
    const { last, size } = delivery
    this.gaps.drop(delivery, this.owner.canResend, last.position, size)
  }

  // --- What operators ask of the source ---

  get closed(): boolean {
    return this.#stopped && this.ledger.open === 0
  }

  get isDone(): boolean {
    return this.ledger.open + this.ledger.failed === 0
  }

  pause(): void {
    this.#pauses += 1
    if (this.#pauses === 1 && !this.#stopped) this.owner.paused()
  }

  resume(): void {
    this.#pauses -= 1
    if (this.#pauses === 0 && !this.#stopped) this.owner.resumed()
  }

  flush(): PromiseLike<void> | undefined {
    return this.owner.flush()
  }

  countUnrouted(kind: string): void {
    this.unroutedKinds.set(kind, (this.unroutedKinds.get(kind) ?? 0) + 1)
  }

  watch(observer: Pick<Observer<StreamMetrics>, 'next'>): void {
    this.report.watch(observer)
  }

  publish(): void {
    this.report.publishCounters()
  }

  get tellsPositions(): boolean {
    return this.owner.positions !== undefined
  }

  positionPast(held: ReadonlyMap<HeldDelivery, number>): string | undefined {
    const last = this.ledger.lastOf(held)
    return last && this.owner.positions?.past(last.last)
  }

  // --- What its owner asks ---

  get isPaused(): boolean {
    return this.#pauses > 0
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  /** Errors the subscriber; metrics name the reason. */
  fail(error: unknown): void {
    this.report.failed(this.owner.host, error)
    this.subscriber.error(error)
  }

  /** Called when the subscription ends, whatever ended it. */
  stop(): void {
    this.#stopped = true
    this.owner.stopped()
    this.report.ended(this.owner.host)
  }

  /** Once, where nothing has come yet: otherwise a wrong host looks like a quiet one. */
  #warnIfUnreached(): void {
    const { unreached } = this.report
    if (this.#hasWarned || unreached === undefined || unreached.forMs < UNREACHED_MS) return
    this.#hasWarned = true
    const { host, forMs, reason } = unreached
    this.#log.warn(
      `${host}: not reached for ${Math.round(forMs / 1000)} s, trying again: ${reason.message}`,
    )
  }
}
