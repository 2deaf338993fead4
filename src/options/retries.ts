import { type BackoffOptions, backoffMs } from './backoff.js'

/** When to try again: counts the failures in a row. */
export class Retries {
  #count = 0

  constructor(private readonly backoff: BackoffOptions) {}

  /** The failures since the last success. */
  get count(): number {
    return this.#count
  }

  /**
   * Returns the delay before the next try, in milliseconds. `atLeastMs`: what the server asked for.
   */
  failed(atLeastMs = 0): number {
    this.#count += 1
    return Math.max(backoffMs(this.#count, this.backoff), atLeastMs)
  }

  succeeded(): void {
    this.#count = 0
  }
}
