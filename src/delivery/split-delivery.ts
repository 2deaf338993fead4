import type { OperatorFunction, Subscriber } from 'rxjs'
import { observe, operate } from '../internal/observe.js'
import {
  currentDelivery,
  type DeliverySource,
  enter,
  type Holding,
  type LibraryCopy,
  leave,
  type Outcome,
} from './delivery.js'
import type { EventPosition } from './position.js'

/** Emits one part of a message; `index` is its place among all parts, wanted or not. */
export type EmitShare<Part> = (part: Part, index: number) => void

/**
 * Emits the parts of each message in the one delivery of the message, which is done when all of
 * them are: so that no position lies inside a message. A message that is cut, by `take(n)` say, or
 * whose parts cannot all be made, is not done.
 */
export const splitDelivery = <Message, Part>(
  each: (message: Message, emit: EmitShare<Part>) => void,
): OperatorFunction<Message, Part> =>
  operate((source, destination) => {
    observe(
      source,
      destination,
      (message) => {
        const whole = currentDelivery()
        let missed = 0
        const emit = (part: Part, index: number) => {
          if (destination.closed) missed += 1
          else emitPart(part, whole && new SharedDelivery(whole, index), destination)
        }
        try {
          each(message, emit)
        } catch (error) {
          missed += 1
          throw error
        } finally {
          if (missed > 0) fail(whole)
        }
      },
      () => destination.complete(),
    )
  })

/** Emits parts in the delivery that is open, each at its own index from `first` on. */
export function emitShares<Part>(
  parts: readonly Part[],
  first: number,
  destination: Subscriber<Part>,
): void {
  const whole = currentDelivery()
  let index = first
  for (const part of parts) {
    // The rest of a message that was cut is not done.
    if (destination.closed) {
      fail(whole)
      return
    }
    emitPart(part, whole && new SharedDelivery(whole, index), destination)
    index += 1
  }
}

function emitPart<Part>(
  part: Part,
  holding: Holding | undefined,
  destination: Subscriber<Part>,
): void {
  const outer = enter(holding)
  try {
    destination.next(part)
  } finally {
    leave(outer)
  }
}

/** The call is a hold of its own: this one makes the outcome the worst there is. */
function fail(whole: Holding | undefined): void {
  whole?.hold()
  whole?.release('failed')
}

/** The delivery of the whole message, at the place of one part. */
class SharedDelivery implements Holding {
  constructor(
    private readonly whole: Holding,
    private readonly index: number,
  ) {}

  get copy(): LibraryCopy {
    return this.whole.copy
  }

  get place(): EventPosition | undefined {
    const { place } = this.whole
    return (
      place && {
        host: place.host,
        position: place.position,
        time_us: place.time_us,
        index: this.index,
      }
    )
  }

  hold(): void {
    this.whole.hold()
  }

  release(outcome: Outcome): void {
    this.whole.release(outcome)
  }

  queued(change: 1 | -1): void {
    this.whole.queued(change)
  }

  eachSource(visit: (source: DeliverySource) => void): void {
    this.whole.eachSource(visit)
  }
}
