import type { OperatorFunction, Subscriber } from 'rxjs'
import { observe, operate } from '../internal/observe.js'
import {
  currentDelivery,
  type DeliverySource,
  enter,
  type HeldDelivery,
  type Holding,
  type LibraryCopy,
  leave,
  type Outcome,
} from './delivery.js'
import type { EventPosition } from './position.js'

/** At an index where no part is wanted. */
export const NO_PART: unique symbol = Symbol('no part')

/** The parts of one message. An array is one of them all. */
export interface MessageParts<Part> {
  /** How many there are, wanted or not. */
  readonly length: number
  /** The part at `index`. Called once for each, in order. */
  at(index: number): Part | typeof NO_PART | undefined
}

/**
 * Emits the parts of each message in one delivery, that of the message. It is done when all parts
 * are, so that no saved position lies inside a message. A message is not done when it is cut, by
 * `take(n)` for example, or when one of its parts cannot be made.
 *
 * The parts are made here, between two emissions: what makes them is not on the stack of a handler.
 */
export const splitDelivery = <Message, Part>(
  partsOf: (message: Message) => MessageParts<Part>,
): OperatorFunction<Message, Part> =>
  operate((source, destination) => {
    const split = (message: Message): void =>
      emitShares(partsOrFail(partsOf, message), 0, destination)
    observe(source, destination, split, () => destination.complete())
  })

function partsOrFail<Message, Part>(
  partsOf: (message: Message) => MessageParts<Part>,
  message: Message,
): MessageParts<Part> {
  try {
    return partsOf(message)
  } catch (error) {
    fail(currentDelivery())
    throw error
  }
}

/**
 * Emits parts in the delivery that is open, each at its own index from `first` on. Fails the
 * delivery when a part cannot be made, or is not received since the destination has closed.
 */
export function emitShares<Part>(
  parts: MessageParts<Part>,
  first: number,
  destination: Subscriber<Part>,
): void {
  const whole = currentDelivery()
  let isWhole = false
  try {
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts.at(index)
      if (part === NO_PART) continue
      if (destination.closed) return
      const outer = enter(whole && new SharedDelivery(whole, first + index))
      try {
        destination.next(part as Part)
      } finally {
        leave(outer)
      }
    }
    isWhole = true
  } finally {
    if (!isWhole) fail(whole)
  }
}

/** Holds and fails at once: the worst outcome of all holds stands. */
function fail(whole: Holding | undefined): void {
  whole?.hold()
  whole?.release('failed')
}

/** The delivery of the whole message, at the index of one part. */
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

  get delivery(): HeldDelivery | undefined {
    return this.whole.delivery
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
