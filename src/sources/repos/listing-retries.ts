import { PageError, RefusedError, type StreamError } from '../../errors.js'
import { Attempts, type ReconnectOptions } from '../../live/attempts.js'
import { Retries } from '../../options/retries.js'

const MAX_BAD_PAGES = 5

/** How long to wait after a request that brought no page. */
export class ListingRetries {
  #badPages = 0
  readonly #attempts: Attempts
  readonly #limited: Retries

  constructor(host: string, reconnect: ReconnectOptions) {
    this.#attempts = new Attempts([host], reconnect)
    this.#limited = new Retries(reconnect)
  }

  /** Which retry in a row comes next, from 1. */
  get attempt(): number {
    return this.#attempts.count + this.#limited.count
  }

  progressed(): void {
    this.#attempts.progressed()
    this.#limited.succeeded()
    this.#badPages = 0
  }

  /** The delay before the next request, in milliseconds. Throws what ends the listing. */
  after(error: StreamError): number {
    if (!error.retryable) throw error
    if (error instanceof RefusedError && error.status === 429)
      // The server's own backpressure: no failure, and no attempt.
      return this.#limited.failed(error.retryAfterMs)
    if (error instanceof PageError) this.#countBadPage(error)
    return this.#attempts.afterEnd(error, undefined)
  }

  #countBadPage(error: PageError): void {
    this.#badPages += 1
    if (this.#badPages >= MAX_BAD_PAGES) throw error
  }
}
