import type { Observer } from 'rxjs'
import { HoldError } from '../errors.js'
import {
  type DeliverySource,
  enter,
  type HeldDelivery,
  type Holding,
  type LibraryCopy,
  leave,
  type Outcome,
  THIS_COPY,
} from './delivery.js'
import type { EventPosition } from './position.js'

/** Receives each delivery that is settled. */
export interface Settlement<Event> {
  settled(delivery: Delivery<Event>, outcome: Outcome): void
}

/** One event's stay in the user's pipe. Open deliveries form a list in order of emission. */
export class Delivery<Event> implements Holding, EventPosition, HeldDelivery {
  // The call of `next` is the first hold.
  holds = 1
  private outcome: Outcome = 'done'
  held = false
  previous: Delivery<Event> | undefined
  next: Delivery<Event> | undefined

  constructor(
    readonly ledger: Ledger<Event>,
    readonly event: Event,
    readonly ordinal: number,
    readonly host: string,
    readonly position: number,
    readonly time_us: number,
    readonly index: number,
  ) {}

  // A getter, since a field would make each delivery larger.
  get copy(): LibraryCopy {
    return THIS_COPY
  }

  /** Its own place: nothing is allocated for it. */
  get place(): EventPosition | undefined {
    return this
  }

  /** How many events were emitted as one. */
  get size(): number {
    return 1
  }

  /** The place of the last of them. */
  get last(): EventPosition {
    return this
  }

  get delivery(): HeldDelivery {
    return this
  }

  get source(): DeliverySource {
    return this.ledger.source
  }

  /** Whether one of its holders failed: it will not be done. */
  get hasFailed(): boolean {
    return this.outcome === 'failed'
  }

  hold(): void {
    // An emission that outlives its delivery, for example in a `finalize` after the work was cut.
    if (this.holds === 0)
      throw new HoldError('`hold()` was called for an event that is settled already')
    this.holds += 1
    if (this.held) return
    this.held = true
    this.ledger.held += 1
  }

  release(outcome: Outcome): void {
    // The worst of several outcomes stands: an event that failed in one branch of a `share` is not
    // done, even if the other branches finished it.
    if (outcome === 'failed' || this.outcome === 'done') this.outcome = outcome
    this.holds -= 1
    if (this.holds === 0) this.ledger.settle(this, this.outcome)
  }

  queued(change: 1 | -1): void {
    this.ledger.source.queued += change
  }

  eachSource(visit: (source: DeliverySource) => void): void {
    visit(this.ledger.source)
  }
}

/** Several events that are emitted as one, at growing positions. */
export interface DeliveredRange {
  readonly host: string
  readonly size: number
  readonly first: RangeEnd
  readonly last: RangeEnd
}

type RangeEnd = Pick<EventPosition, 'position' | 'time_us'>

/** That of several events. It stands at the first: a restart must bring all of them again. */
class RangeDelivery<Event> extends Delivery<Event> {
  constructor(
    ledger: Ledger<Event>,
    event: Event,
    ordinal: number,
    private readonly range: DeliveredRange,
  ) {
    const { host, first } = range
    super(ledger, event, ordinal, host, first.position, first.time_us, 0)
  }

  /** None is that of all of them. */
  override get place(): undefined {
    return undefined
  }

  override get size(): number {
    return this.range.size
  }

  override get last(): EventPosition {
    const { host, last } = this.range
    return { host, ...last, index: 0 }
  }
}

/**
 * Counts and orders one subscription's deliveries. At any moment
 * `delivered = done + dropped + failed + open`, and {@link frontier} is the oldest event that a
 * restart must bring again.
 */
export class Ledger<Event> {
  delivered = 0
  done = 0
  dropped = 0
  failed = 0
  open = 0
  /**
   * Deliveries that were ever held. 0 with asynchronous work means that the pipe ends its
   * deliveries early.
   */
  held = 0
  #oldest: Delivery<Event> | undefined
  #newest: Delivery<Event> | undefined
  // A failed delivery never becomes done, so only the first one matters: later ones are not kept.
  #firstFailed: Delivery<Event> | undefined

  constructor(
    readonly source: DeliverySource,
    private readonly settlement: Settlement<Event>,
  ) {}

  /** The delivery of an event, which {@link deliver} emits. */
  delivery(
    event: Event,
    host: string,
    position: number,
    time_us: number,
    index = 0,
  ): Delivery<Event> {
    this.delivered += 1
    return new Delivery<Event>(this, event, this.delivered, host, position, time_us, index)
  }

  /** As {@link delivery}, of several events that are emitted as one. */
  rangeDelivery(event: Event, range: DeliveredRange): Delivery<Event> {
    this.delivered += range.size
    return new RangeDelivery<Event>(this, event, this.delivered, range)
  }

  deliver(delivery: Delivery<Event>, destination: Pick<Observer<Event>, 'next'>): void {
    this.#link(delivery)
    const outer = enter(delivery)
    try {
      destination.next(delivery.event)
    } finally {
      leave(outer)
      delivery.release('done')
    }
  }

  settle(delivery: Delivery<Event>, outcome: Outcome): void {
    this.#unlink(delivery)
    this[outcome] += delivery.size
    if (
      outcome === 'failed' &&
      delivery.ordinal < (this.#firstFailed?.ordinal ?? Number.POSITIVE_INFINITY)
    )
      this.#firstFailed = delivery
    this.settlement.settled(delivery, outcome)
  }

  /** The oldest delivery that is open or failed. */
  get frontier(): Delivery<Event> | undefined {
    const [open, failed] = [this.#oldest, this.#firstFailed]
    if (open === undefined || failed === undefined) return open ?? failed
    return open.ordinal < failed.ordinal ? open : failed
  }

  /**
   * The newest of `held`, each with how often its holder holds it, if that holder alone keeps it
   * and everything before it from being done.
   */
  lastOf(held: ReadonlyMap<HeldDelivery, number>): Delivery<Event> | undefined {
    let last: Delivery<Event> | undefined
    let rest = held.size
    for (let open = this.#oldest; open !== undefined && rest > 0; open = open.next) {
      if (open.holds !== held.get(open) || open.hasFailed) return undefined
      last = open
      rest -= 1
    }
    const failed = this.#firstFailed
    const isPast = last !== undefined && failed !== undefined && failed.ordinal < last.ordinal
    return rest > 0 || isPast ? undefined : last
  }

  #link(delivery: Delivery<Event>): void {
    this.open += delivery.size
    delivery.previous = this.#newest
    if (this.#newest === undefined) this.#oldest = delivery
    else this.#newest.next = delivery
    this.#newest = delivery
  }

  #unlink(delivery: Delivery<Event>): void {
    this.open -= delivery.size
    const { previous, next } = delivery
    if (previous === undefined) this.#oldest = next
    else previous.next = next
    if (next === undefined) this.#newest = previous
    else next.previous = previous
    delivery.previous = undefined
    delivery.next = undefined
  }
}
