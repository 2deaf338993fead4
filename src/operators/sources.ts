import type { Subscriber } from 'rxjs'
import type { DeliverySource, Holding } from '../delivery/delivery.js'

/** The sources whose values an operator has taken, and which of them it has paused. */
export class Sources {
  readonly #all = new Set<DeliverySource>()
  readonly #paused = new Set<DeliverySource>()
  readonly #note = (source: DeliverySource) => this.#add(source)

  note(holding: Holding): void {
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
   * exit then.
   */
  complete(destination: Subscriber<unknown>): void {
    const saving = [...this.#all].flatMap((source) => source.flush() ?? [])
    if (saving.length === 0) destination.complete()
    else
      Promise.all(saving).then(
        () => destination.complete(),
        (error: unknown) => destination.error(error),
      )
  }

  #add(source: DeliverySource): void {
    if (this.#all.has(source)) return
    // A `retry` above brings a new source each time: those that have ended need no memory.
    for (const other of this.#all) if (other.closed) this.#all.delete(other)
    this.#all.add(source)
  }
}
