import { DuplicateLibraryError, HoldError } from '../errors.js'
import { shared } from '../internal/shared.js'
import { DELIVERY_CONTRACT, VERSION } from '../version.js'
import type { EventPosition } from './position.js'

/** How a delivery ended: its work is done, it was dropped by a full queue, or its work failed. */
export type Outcome = 'done' | 'dropped' | 'failed'

/** The methods of a source that queueing operators use. */
export interface DeliverySource {
  /** How many values wait in bounded operators. */
  queued: number
  /** How many events matched no ingestor. */
  unrouted: number
  /** Counts the kind of such an event. Absent in older copies of this library. */
  countUnrouted?(kind: string): void
  /** The subscription has ended, and none of its deliveries is open. */
  readonly closed: boolean
  /** Counted: the source goes on after as many calls of `resume` as of `pause`. */
  pause(): void
  resume(): void
  /**
   * Settles when the checkpoint of all that is done is saved; `undefined` where the source has no
   * checkpoint.
   */
  flush(): PromiseLike<void> | undefined
  /** Whether {@link positionPast} may return one. Absent in older copies of this library. */
  readonly tellsPositions?: boolean
  /**
   * The text to store once these deliveries are done: each with how often the caller holds it.
   * `undefined` while an earlier delivery, or one of these, is held elsewhere or has failed.
   */
  positionPast?(held: ReadonlyMap<HeldDelivery, number>): string | undefined
}

/** The delivery of an event, or of the message that it is part of. */
export interface HeldDelivery {
  readonly source: DeliverySource
}

/**
 * The copy of this library that opened a delivery: two of one contract understand each other's
 * deliveries.
 */
export interface LibraryCopy {
  readonly contract: number
  readonly version: string
}

export const THIS_COPY: LibraryCopy = { contract: DELIVERY_CONTRACT, version: VERSION }

/**
 * One event's stay in the user's pipe (or that of several, for a batch): open until nobody holds
 * it.
 *
 * Other copies of this library call it too. A change of this interface, of {@link DeliverySource}
 * or of {@link EventPosition} that an older copy would misread raises `DELIVERY_CONTRACT`. `copy`,
 * `hold()` and `release('failed')` are the same in every contract: with them a copy of another
 * contract refuses the event.
 */
export interface Holding {
  readonly copy: LibraryCopy
  hold(): void
  release(outcome: Outcome): void
  /** Where the event stands in its source; `undefined` for a batch. */
  readonly place: EventPosition | undefined
  /** The events wait in one more bounded operator, or in one less. */
  queued(change: 1 | -1): void
  /** Calls back with each source that these events come from. */
  eachSource(visit: (source: DeliverySource) => void): void
  /** The one delivery that each hold of this holds too. Absent where there is none. */
  readonly delivery?: HeldDelivery | undefined
}

/**
 * The open delivery. The source opens it around its call of `next`, so the call stack is the path
 * of that one event through the pipe.
 *
 * One for all copies of this library in a realm, whatever their contract: a package manager makes a
 * second copy where peers differ, and a module variable would hide the deliveries of one copy from
 * the operators of the other. Looked up once, since it is used for each event.
 */
const open = shared<{ current: Holding | undefined }>('delivery', () => ({ current: undefined }))

/**
 * The delivery whose call is on the stack.
 *
 * **Errors** throws {@link DuplicateLibraryError} where it belongs to a copy of this library with
 * another contract, and fails that delivery.
 */
export function currentDelivery(): Holding | undefined {
  const { current } = open
  if (current !== undefined && current.copy.contract !== DELIVERY_CONTRACT) refuse(current)
  return current
}

/**
 * Makes `holding` the current delivery, and returns the previous one.
 * Pass that to {@link leave}, in a `finally`.
 */
export function enter(holding: Holding | undefined): Holding | undefined {
  const outer = open.current
  open.current = holding
  return outer
}

export function leave(outer: Holding | undefined): void {
  open.current = outer
}

/**
 * Without the failure the event would count as done when the source's call returns, and the
 * checkpoint would pass it.
 */
function refuse(holding: Holding): never {
  holding.hold()
  holding.release('failed')
  throw new DuplicateLibraryError(THIS_COPY, holding.copy)
}

/** Releases a held delivery. Only the first call counts. */
export interface Release {
  (): void
  /** The work failed: the checkpoint stays before this event, a Tap server sends it again. */
  failed(): void
  /** The work was given up: it counts as done, and is reported as a gap. */
  dropped(): void
}

/**
 * Keeps the delivery of the event that is being emitted open until `release` is called, so that no
 * checkpoint and no ack passes it.
 *
 * **Errors** throws {@link HoldError} outside a delivery: when called after the emission returned,
 * or below an operator that moved the value to a later tick (`delay`, `observeOn`, `concatMap` over
 * a promise).
 *
 * @example
 * ```ts
 * jetstream$(config).subscribe((event) => {
 *   const release = hold()
 *   worker.post(event, () => release())
 * })
 * ```
 */
export function hold(): Release {
  const holding = currentDelivery()
  if (holding === undefined) {
    throw new HoldError(
      '`hold()` was called outside a delivery; call it synchronously while the source emits, ' +
        'or use `boundedMergeMap`',
    )
  }
  holding.hold()
  return releaseOf(holding)
}

export function releaseOf(holding: Holding): Release {
  let released = false
  const settle = (outcome: Outcome) => {
    if (released) return
    released = true
    holding.release(outcome)
  }
  return Object.assign(() => settle('done'), {
    failed: () => settle('failed'),
    dropped: () => settle('dropped'),
  })
}

/** The deliveries of a batch, held and released as one. */
export class BatchDelivery implements Holding {
  // Each of them is held so often: once by its maker.
  #holds = 1

  constructor(private readonly holdings: readonly Holding[]) {}

  get copy(): LibraryCopy {
    return THIS_COPY
  }

  get place(): undefined {
    return undefined
  }

  hold(): void {
    this.#holds += 1
    for (const holding of this.holdings) holding.hold()
  }

  release(outcome: Outcome): void {
    this.#holds -= 1
    for (const holding of this.holdings) holding.release(outcome)
  }

  queued(change: 1 | -1): void {
    for (const holding of this.holdings) holding.queued(change)
  }

  eachSource(visit: (source: DeliverySource) => void): void {
    for (const holding of this.holdings) holding.eachSource(visit)
  }

  /** The text to store once this batch is done: see {@link DeliverySource.positionPast}. */
  get position(): string | undefined {
    const held = new Map<HeldDelivery, number>()
    for (const { delivery } of this.holdings) {
      if (delivery === undefined) return undefined
      held.set(delivery, (held.get(delivery) ?? 0) + this.#holds)
    }
    // A source does not know the deliveries of another one, and tells nothing then.
    return this.holdings[0]?.delivery?.source.positionPast?.(held)
  }
}
