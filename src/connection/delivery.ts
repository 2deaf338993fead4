import { HoldError } from '../errors.js'
import type { Place } from './mark.js'

/** How a delivery ended: its work is done, it was given up for want of room, or its work failed. */
export type Outcome = 'done' | 'dropped' | 'failed'

/** What an operator that queues may ask of the source its values come from. */
export interface DeliverySource {
  /** How many values wait in bounded operators. */
  queued: number
  /** How many events no ingestor wanted. */
  unrouted: number
  /** The subscription has ended, and nothing of it is open any more. */
  readonly closed: boolean
  /** Counted: the source goes on when each `pause` has met its `resume`. */
  pause(): void
  resume(): void
  /** Settles when the checkpoint of all that is done is saved; `undefined` where the source has no checkpoint. */
  flush(): PromiseLike<void> | undefined
}

/** One event's stay in the user's pipe (or that of several, for a batch): open until nobody holds it. */
export interface Holding {
  hold(): void
  release(outcome: Outcome): void
  /** Where the event stands in its source; `undefined` for a batch. */
  readonly place: Place | undefined
  /** The events wait in one more bounded operator, or in one less. */
  queued(change: 1 | -1): void
  /** Calls back with each source that these events come from. */
  eachSource(visit: (source: DeliverySource) => void): void
}

// The source opens a delivery around its call of `next`, so the call stack is the path of that one event through the pipe.
let current: Holding | undefined

/** The delivery whose call is on the stack. */
export const currentDelivery = (): Holding | undefined => current

/** Makes `holding` the current delivery, and returns what was: give that back to {@link leave}, in a `finally`. */
export function enter(holding: Holding | undefined): Holding | undefined {
  const outer = current
  current = holding
  return outer
}

export function leave(outer: Holding | undefined): void {
  current = outer
}

/** Lets a held delivery go. Only the first call counts. */
export interface Release {
  (): void
  /** The work failed: the checkpoint stays before this event, a Tap server sends it again. */
  failed(): void
  /** The work was given up: it counts as done, and is reported as a gap. */
  dropped(): void
}

/**
 * Keeps the delivery of the event that is being emitted open until `release` is called, so that no checkpoint and no ack passes it.
 *
 * **Errors** throws {@link HoldError} outside a delivery: when called after the emission returned, or below an operator that moved the
 * value to a later tick (`delay`, `observeOn`, `concatMap` over a promise).
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
  const holding = current
  if (holding === undefined) {
    throw new HoldError('`hold()` was called outside a delivery; call it synchronously while the source emits, or use `boundedMergeMap`')
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
  return Object.assign(() => settle('done'), { failed: () => settle('failed'), dropped: () => settle('dropped') })
}

/** The deliveries of a batch, held and released as one. */
export function holdingOf(holdings: readonly Holding[]): Holding {
  return {
    place: undefined,
    hold() {
      for (const holding of holdings) holding.hold()
    },
    release(outcome) {
      for (const holding of holdings) holding.release(outcome)
    },
    queued(change) {
      for (const holding of holdings) holding.queued(change)
    },
    eachSource(visit) {
      for (const holding of holdings) holding.eachSource(visit)
    },
  }
}
