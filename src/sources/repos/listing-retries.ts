import { PageError, RefusedError, type StreamError } from '../../errors.js'
import { Hosts } from '../../live/hosts.js'
import { Retries } from '../../options/retries.js'
import type { ListingOptions } from './config.js'

const MAX_BAD_PAGES = 5

type RetriesOptions = Pick<ListingOptions, 'host' | 'reconnect' | 'refusedForMs' | 'log'>

/** When to repeat a request that returned no page. */
export class ListingRetries {
  #badPages = 0
  readonly #hosts: Hosts
  readonly #limited: Retries

  constructor({ host, reconnect, refusedForMs, log }: RetriesOptions) {
    this.#hosts = new Hosts({ hosts: [host], reconnect, refusedForMs, log })
    this.#limited = new Retries(reconnect)
  }

  /** The number of the next retry since the last page, from 1. */
  get attempt(): number {
    return this.#hosts.count + this.#limited.count
  }

  progressed(): void {
    this.#hosts.progressed()
    this.#limited.succeeded()
    this.#badPages = 0
  }

  /**
   * Returns the delay before the next request, in milliseconds. Throws an error that ends the
   * listing.
   */
  after(error: StreamError): number {
    if (error instanceof RefusedError && error.status === 429)
      // The server limits the rate. This is not a failure, and does not count in `maxAttempts`.
      return this.#limited.failed(error.retryAfterMs)
    if (error instanceof PageError) this.#countBadPage(error)
    return this.#hosts.afterEnd(error, undefined)
  }

  #countBadPage(error: PageError): void {
    this.#badPages += 1
    if (this.#badPages >= MAX_BAD_PAGES) throw error
  }
}
