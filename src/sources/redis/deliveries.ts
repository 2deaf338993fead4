import { asyncScheduler, type Observable, type Subscriber, takeUntil, timer } from 'rxjs'
import type { DeliverySource, Outcome } from '../../delivery/delivery.js'
import { Gaps } from '../../delivery/gaps.js'
import { type Delivery, Ledger } from '../../delivery/ledger.js'
import { StreamCounts } from '../../delivery/metrics-report.js'
import { reject } from '../../delivery/rejects.js'
import { FrameError } from '../../errors.js'
import { backoffMs } from '../../options/backoff.js'
import type { StreamOptions } from './config.js'
import type { Entry } from './entry.js'
import type { Hand } from './pending-entries.js'

/** What deliveries tell, and ask. */
export interface DeliveriesHandlers {
  /** Whether the subscription goes on. */
  readonly isRunning: boolean
  /** Nothing more is worth waiting for. */
  readonly ended$: Observable<unknown>
  /** The pipe wants no more. */
  pause(): void
  /** The pipe wants more again; `emit` delivers what waits. */
  resume(emit: () => void): void
  /** A delivery ended after the subscription. */
  settledLate(): void
  flush(): PromiseLike<void> | undefined
}

/** What is read, delivered while the pipe wants it, and decided on as it ends. */
export class Deliveries implements DeliverySource {
  queued = 0
  unrouted = 0
  readonly ledger: Ledger<Entry>
  readonly counts = new StreamCounts()
  readonly gaps: Gaps
  /** Where the last entry that was delivered stands. */
  last: number | undefined

  // What is read and not in the pipe.
  readonly #waiting = new Set<Entry>()
  // What failed in this tick.
  #failures: Entry[] = []
  #pauses = 0
  #emitting = false

  constructor(
    private readonly options: StreamOptions,
    private readonly subscriber: Subscriber<Entry>,
    private readonly handlers: DeliveriesHandlers,
  ) {
    this.gaps = new Gaps(options.gaps, options.log)
    this.ledger = new Ledger<Entry>(this, this)
  }

  offer(entries: readonly Entry[]): void {
    for (const entry of entries) this.#waiting.add(entry)
    this.#emit()
  }

  withdraw(hand: Hand): void {
    for (const entry of this.#waiting) if (entry.hand === hand) this.#waiting.delete(entry)
  }

  /** A loop and not a recursion, since work that ends at once resumes us from within. */
  #emit(): void {
    if (this.#emitting) return
    this.#emitting = true
    try {
      for (const entry of this.#waiting) {
        if (this.paused || !this.handlers.isRunning) break
        this.#waiting.delete(entry)
        if (entry.hand.isReading) this.#deliver(entry)
        else entry.hand.interrupted(entry)
      }
    } finally {
      this.#emitting = false
    }
  }

  #deliver(entry: Entry): void {
    this.counts.frames += 1
    this.counts.bytes += bytesOf(entry)
    if (!this.#read(entry)) return
    this.counts.events += 1
    entry.state = 'delivered'
    this.last = entry.position
    const time_us = timeOf(entry.events[0])
    this.counts.eventAt(asyncScheduler.now(), time_us)
    this.ledger.deliver(
      entry,
      entry.hand.stream,
      entry.position,
      time_us,
      this.subscriber,
      entry.index,
    )
    // An event lives as long as the pipe has it, and not until the ack.
    entry.events = NO_EVENTS
  }

  /**
   * Reads what the entry holds; one that cannot be read, or is never done with, goes to the dead
   * letters.
   */
  #read(entry: Entry): boolean {
    try {
      if (entry.deliveries > this.options.maxDeliveries)
        throw new FrameError(
          `the entry was delivered ${entry.deliveries - 1} times, and never ended: its processes died`,
        )
      entry.events = this.options.format.decode(entry.fields)
      return true
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.counts.rejected += 1
      const placed = new FrameError(
        error.message,
        { position: entry.position, time_us: 0 },
        { cause: error.cause },
      )
      entry.hand.bury(entry, error.message)
      reject(this.options.rejects, entry.hand.stream, JSON.stringify(entry.fields), placed)
      return false
    }
  }

  // --- How a delivery ends ---

  settled(delivery: Delivery<Entry>, outcome: Outcome): void {
    const { event: entry } = delivery
    if (outcome === 'failed') this.#failed(entry)
    else {
      if (outcome === 'dropped') this.gaps.drop(delivery, false)
      entry.hand.done(entry)
    }
    if (!this.handlers.isRunning) this.handlers.settledLate()
  }

  /**
   * Decided a moment later: when the stream ends by it, all others in the pipe may fail with it,
   * and only the first is to blame.
   */
  #failed(entry: Entry): void {
    if (!this.handlers.isRunning) {
      entry.hand.giveBack([entry])
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
      if (this.handlers.isRunning) this.#retry(entry)
      else entry.hand.interrupted(entry)
    }
  }

  #retry(entry: Entry): void {
    if (!entry.hand.failed(entry)) return
    timer(backoffMs(entry.deliveries - 1, this.options.backoff))
      .pipe(takeUntil(this.handlers.ended$))
      .subscribe(() => {
        // Given back meanwhile, with its partition or the subscription.
        if (entry.state === 'waiting') this.offer([entry])
      })
  }

  // --- What operators ask of the source ---

  get closed(): boolean {
    return !this.handlers.isRunning && this.ledger.open === 0
  }

  get paused(): boolean {
    return this.#pauses > 0
  }

  pause(): void {
    this.#pauses += 1
    if (this.#pauses === 1) this.handlers.pause()
  }

  /**
   * Goes on a moment later: an operator that ends resumes us as well, and our own end follows at
   * once.
   */
  resume(): void {
    this.#pauses -= 1
    if (this.paused) return
    queueMicrotask(() => {
      if (!this.paused && this.handlers.isRunning) this.handlers.resume(() => this.#emit())
    })
  }

  flush(): PromiseLike<void> | undefined {
    return this.handlers.flush()
  }
}

const NO_EVENTS: readonly unknown[] = []

function bytesOf({ fields }: Entry): number {
  let bytes = 0
  for (const field of fields) bytes += field.length
  return bytes
}

/** The time of an event that has one in our own words. */
function timeOf(event: unknown): number {
  const time_us = (event as { readonly time_us?: unknown } | undefined)?.time_us
  return typeof time_us === 'number' ? time_us : 0
}
