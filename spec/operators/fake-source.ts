import type { OperatorFunction } from 'rxjs'
import type { DeliverySource, Outcome } from '../../src/delivery/delivery.js'
import { type Delivery, Ledger } from '../../src/delivery/ledger.js'
import { observe, operate } from '../../src/internal/observe.js'

/**
 * A source without a socket: it keeps the books of its deliveries, and of what operators asked of
 * it.
 */
export class FakeSource implements DeliverySource {
  queued = 0
  unrouted = 0
  closed = false
  readonly calls: ('pause' | 'resume')[] = []
  /** What `flush` answers. */
  saving: Promise<void> | undefined
  readonly ends: string[] = []
  readonly ledger = new Ledger<unknown>(this, {
    settled: (delivery, outcome) => this.#settled(delivery, outcome),
  })
  onResume = () => {}

  pause(): void {
    this.calls.push('pause')
  }

  resume(): void {
    this.calls.push('resume')
    this.onResume()
  }

  flush(): Promise<void> | undefined {
    return this.saving
  }

  /** How many pauses have not met their resume. */
  get pauses(): number {
    return this.calls.reduce((sum, call) => sum + (call === 'pause' ? 1 : -1), 0)
  }

  get sum(): Readonly<Record<Outcome | 'open', number>> {
    const { done, dropped, failed, open } = this.ledger
    return { done, dropped, failed, open }
  }

  /** The oldest value that a restart must bring again. */
  get frontier(): unknown {
    return this.ledger.frontier?.event
  }

  /** Emits each value in a delivery of its own. */
  deliver<T>(): OperatorFunction<T, T> {
    return operate<T, T>((source, destination) => {
      observe(
        source,
        destination,
        (value) => {
          const position = this.ledger.delivered + 1
          const delivery = this.ledger.delivery(value, 'wss://book.test', position, position)
          this.ledger.deliver(delivery, { next: (each: unknown) => destination.next(each as T) })
        },
        () => destination.complete(),
      )
    })
  }

  #settled(delivery: Delivery<unknown>, outcome: Outcome): void {
    this.ends.push(`${String(delivery.event)} ${outcome}`)
  }
}
