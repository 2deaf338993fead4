import { PageError, RefusedError, type StreamError } from '../../errors.js'
import { Attempts, type ReconnectOptions } from '../../live/attempts.js'
import { backoffMs } from '../../options/backoff.js'

const MAX_BAD_PAGES = 5

/** How long to wait after a request that brought no page. */
export class ListingRetries {
  #limited = 0
  #badPages = 0
  readonly #attempts: Attempts

  constructor(
    host: string,
    private readonly reconnect: ReconnectOptions,
  ) {
    this.#attempts = new Attempts([host], reconnect)
  }

  /** Which retry in a row comes next, from 1. */
  get attempt(): number {
    return this.#attempts.count + this.#limited
  }

  progressed(): void {
    this.#attempts.progressed()
    this.#limited = 0
    this.#badPages = 0
  }

  /** The delay before the next request, in milliseconds. Throws what ends the listing. */
  after(error: StreamError): number {
    if (!error.retryable) throw error
    if (error instanceof RefusedError && error.status === 429)
      return this.#afterLimit(error.retryAfterMs ?? 0)
    if (error instanceof PageError) this.#countBadPage(error)
    return this.#attempts.afterEnd(error, undefined)
  }

  /** The server's own back pressure: no failure, and no attempt. */
  #afterLimit(retryAfterMs: number): number {
    this.#limited += 1
    return Math.max(retryAfterMs, backoffMs(this.#limited, this.reconnect))
  }

  #countBadPage(error: PageError): void {
    this.#badPages += 1
    if (this.#badPages >= MAX_BAD_PAGES) throw error
  }
}
