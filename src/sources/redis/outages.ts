import { asyncScheduler } from 'rxjs'
import type { StreamError } from '../../errors.js'
import { type BackoffOptions, backoffMs } from '../../options/backoff.js'

/** What Redis could not serve, and when it is asked again. */
export interface Trouble {
  /** How often in a row. */
  readonly attempt: number
  /** Unix milliseconds. */
  readonly nextAttemptAt: number
  readonly delayMs: number
  readonly reason: StreamError
}

/**
 * Who of a subscription's readers and writers is in trouble: each has its own backoff, and metrics
 * tell the oldest.
 */
export class Troubles {
  readonly #current = new Map<object, Trouble>()

  constructor(private readonly backoff: BackoffOptions) {}

  get current(): Trouble | undefined {
    return this.#current.values().next().value
  }

  /** How long to wait now, in milliseconds. */
  begin(who: object, reason: StreamError): number {
    const attempt = (this.#current.get(who)?.attempt ?? 0) + 1
    const delayMs = backoffMs(attempt, this.backoff)
    this.#current.set(who, {
      attempt,
      delayMs,
      nextAttemptAt: asyncScheduler.now() + delayMs,
      reason,
    })
    return delayMs
  }

  /** Whether there was any. */
  end(who: object): boolean {
    return this.#current.delete(who)
  }
}
