import type { OperatorFunction } from 'rxjs'
import { observe, operate } from '../internal/observe.js'
import { currentDelivery, type DeliverySource, enter, type Holding, leave, type Outcome } from './delivery.js'
import type { Place } from './mark.js'

/** Emits one part of a message; `index` is its place among all parts, wanted or not. */
export type EmitPart<Part> = (part: Part, index: number) => void

/**
 * Emits the parts of each message in the one delivery of the message, which is done when all of them are: so that no position lies inside a
 * message. A message that is cut, by `take(n)` say, is not done.
 */
export const parts = <Message, Part>(each: (message: Message, emit: EmitPart<Part>) => void): OperatorFunction<Message, Part> =>
  operate((source, destination) => {
    observe(
      source,
      destination,
      (message) => {
        const whole = currentDelivery()
        let cut = false
        each(message, (part, index) => {
          if (destination.closed) {
            cut = true
            return
          }
          const outer = enter(whole && new PartHolding(whole, index))
          try {
            destination.next(part)
          } finally {
            leave(outer)
          }
        })
        if (!cut) return
        whole?.hold()
        whole?.release('failed')
      },
      () => destination.complete(),
    )
  })

/** The delivery of the whole message, at the place of one part. */
class PartHolding implements Holding {
  constructor(
    private readonly whole: Holding,
    private readonly index: number,
  ) {}

  get place(): Place | undefined {
    const { place } = this.whole
    return place && { host: place.host, position: place.position, time_us: place.time_us, index: this.index }
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
