import { defer, EMPTY, retry, type Subscriber, throwError, timer } from 'rxjs'
import { willPass } from '../delivery/checkpoint.js'
import type { DeliverySource, Holding } from '../delivery/delivery.js'
import { observe } from '../internal/observe.js'

// As often as a checkpoint is saved.
const RETRY_MS = 1000

/** The sources whose values an operator has taken, and which of them it has paused. */
export class Sources {
  readonly #all = new Set<DeliverySource>()
  readonly #paused = new Set<DeliverySource>()
  // Nearly all values are of one source.
  #last: DeliverySource | undefined
  readonly #note = (source: DeliverySource) => this.#add(source)

  note(holding: Holding): void {
    const source = holding.delivery?.source
    if (source !== undefined && source === this.#last) return
    this.#last = source
    holding.eachSource(this.#note)
  }

  pause(): void {
    for (const source of this.#all) {
      if (this.#paused.has(source)) continue
      this.#paused.add(source)
      source.pause()
    }
  }

  resume(): void {
    if (this.#paused.size === 0) return
    const paused = [...this.#paused]
    this.#paused.clear()
    for (const source of paused) source.resume()
  }

  /**
   * Completes when the sources have saved the checkpoint of what is done, so that a program may
   * exit then. A save whose failure will pass is tried again, until `destination` is unsubscribed.
   */
  complete(destination: Subscriber<unknown>): void {
    const saved$ = defer(() => {
      const saving = [...this.#all].flatMap((source) => source.flush() ?? [])
      return saving.length === 0 ? EMPTY : Promise.all(saving)
    }).pipe(
      retry({
        delay: (error: unknown) => (willPass(error) ? timer(RETRY_MS) : throwError(() => error)),
      }),
    )
    observe(
      saved$,
      destination,
      () => {},
      () => destination.complete(),
    )
  }

  #add(source: DeliverySource): void {
    if (this.#all.has(source)) return
    // A `retry` above brings a new source each time: those that have ended need no memory.
    for (const other of this.#all) if (other.closed) this.#all.delete(other)
    this.#all.add(source)
  }
}
