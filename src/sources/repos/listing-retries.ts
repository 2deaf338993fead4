import { PageError, RefusedError, type StreamError } from '../../errors.js'
import { Attempts, type ReconnectOptions } from '../../live/attempts.js'
import { Retries } from '../../options/retries.js'

const MAX_BAD_PAGES = 5

/** When to repeat a request that returned no page. */
export class ListingRetries {
  #badPages = 0
  readonly #attempts: Attempts
  readonly #limited: Retries

  constructor(host: string, reconnect: ReconnectOptions) {
    this.#attempts = new Attempts([host], reconnect)
    this.#limited = new Retries(reconnect)
  }

  /** The number of the next retry since the last page, from 1. */
  get attempt(): number {
    return this.#attempts.count + this.#limited.count
  }

  progressed(): void {
    this.#attempts.progressed()
    this.#limited.succeeded()
    this.#badPages = 0
  }

  /**
   * Returns the delay before the next request, in milliseconds. Throws an error that ends the
   * listing.
   */
  after(error: StreamError): number {
    if (!error.retryable) throw error
    if (error instanceof RefusedError && error.status === 429)
      // The server limits the rate. This is not a failure, and does not count in `maxAttempts`.
      return this.#limited.failed(error.retryAfterMs)
    if (error instanceof PageError) this.#countBadPage(error)
    return this.#attempts.afterEnd(error, undefined)
  }

  #countBadPage(error: PageError): void {
    this.#badPages += 1
    if (this.#badPages >= MAX_BAD_PAGES) throw error
  }
}
