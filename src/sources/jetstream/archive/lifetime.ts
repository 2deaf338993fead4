import { timer } from 'rxjs'

/**
 * The life of a stream, as far as its requests need it. Not an `AbortSignal`: Node warns of more
 * than ten listeners, and each request that waits is one.
 */
export class Lifetime {
  #isOver = false
  #reason: unknown
  readonly #listeners = new Set<() => void>()

  get isOver(): boolean {
    return this.#isOver
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfOver(): void {
    if (this.#isOver) throw this.#reason
  }

  /** Calls back at the end. Returns how to take that back. */
  onEnd(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  end(reason: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reason = reason
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }

  /** Resolves after so many milliseconds; rejects with the reason of the end. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) {
        reject(this.#reason)
        return
      }
      const forget = this.onEnd(() => {
        waiting.unsubscribe()
        reject(this.#reason)
      })
      const waiting = timer(ms).subscribe(() => {
        forget()
        resolve()
      })
    })
  }
}
