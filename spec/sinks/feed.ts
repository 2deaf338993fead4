import { Observable, type Subscriber } from 'rxjs'
import type { DeliverySource } from '../../src/delivery/delivery.js'
import { Ledger } from '../../src/delivery/ledger.js'

/** An event as small as can be. */
export interface Small {
  readonly did: string
  readonly n: number
}

/** An event and where it stands. */
export interface Placed {
  readonly event: Small
  readonly position: number
  readonly index: number
}

export const small = (n: number): Small => ({ did: `did:plc:${n % 7}`, n })

/** Events `from` to `to`, each at the position of its number. */
export const range = (from: number, to: number): readonly Placed[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    event: small(from + i),
    position: from + i,
    index: 0,
  }))

/**
 * A source without a socket: it emits what it is given, in deliveries, unless it is paused, and
 * keeps the books.
 */
export class Feed implements DeliverySource {
  queued = 0
  unrouted = 0
  closed = false
  /** How often it was paused. */
  pauses = 0
  /** The number after that of the last event. */
  next = 1
  readonly ledger = new Ledger<Small>(this, { settled: () => {} })
  readonly #waiting: Placed[] = []
  #paused = 0
  #completing = false
  #subscriber: Subscriber<Small> | undefined

  constructor(
    placed: readonly Placed[] = [],
    private readonly host = 'wss://a.test',
  ) {
    this.next = (placed.at(-1)?.event.n ?? 0) + 1
    this.#waiting.push(...placed)
  }

  readonly events$ = new Observable<Small>((subscriber) => {
    this.#subscriber = subscriber
    subscriber.add(() => {
      this.closed = true
    })
    this.#play()
  })

  emit(...placed: readonly Placed[]): void {
    this.next = (placed.at(-1)?.event.n ?? 0) + 1
    this.#waiting.push(...placed)
    this.#play()
  }

  complete(): this {
    this.#completing = true
    this.#play()
    return this
  }

  /** The first event that a restart must bring again. */
  get frontier(): number | undefined {
    return this.ledger.frontier?.event.n
  }

  pause(): void {
    this.#paused += 1
    this.pauses += 1
  }

  resume(): void {
    this.#paused -= 1
    this.#play()
  }

  flush(): undefined {}

  #play(): void {
    const subscriber = this.#subscriber
    if (subscriber === undefined) return
    while (this.#paused === 0 && !subscriber.closed) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      const { event, position, index } = next
      this.ledger.deliver(this.ledger.delivery(event, this.host, position, 0, index), subscriber)
    }
    if (this.#completing && this.#waiting.length === 0) subscriber.complete()
  }
}
