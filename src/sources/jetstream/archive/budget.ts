import { asyncScheduler } from 'rxjs'
import type { StreamError } from '../../../errors.js'
import { hashOf } from '../../../internal/hash.js'
import { shared } from '../../../internal/shared.js'
import type { Lifetime } from './lifetime.js'

const FIRST_PERMITS = 8
// From 16 requests at once on, an archive is no faster, and 64 of them draw little but refusals.
const MOST_PERMITS = 32
const FIRST_SPREAD_MS = 250
const MOST_SPREAD_MS = 30_000

/** Called before each wait for the quota, with what the server said last. */
export type OnQuotaWait = (reason: StreamError, ms: number) => void

/**
 * The requests at once of one API key, over all streams of the process and all copies of this
 * library. A quota counts for a key: bounds of their own would have streams rate-limit each other.
 */
export interface Budget {
  /** Resolves when a request may be sent. Call {@link Permit.release} when its body has ended. */
  acquire(life: Lifetime, onWait: OnQuotaWait): Promise<Permit>
  /** The server refused a request for its quota. `ms`: how long it asked us to wait. */
  limited(permit: Permit, reason: StreamError, ms: number): void
}

export interface Permit {
  /** `succeeded`: a body came, so that one more request may be tried. */
  release(outcome: 'succeeded' | 'failed'): void
  /** Counts how often the quota had been spent when the request was sent. */
  readonly epoch: number
}

class SharedBudget implements Budget {
  #permits = FIRST_PERMITS
  #inUse = 0
  #successes = 0
  // In unix milliseconds: no request before it.
  #waitUntil = 0
  #reason: StreamError | undefined
  // Refusals since the last success, and in all.
  #strikes = 0
  #epoch = 0
  readonly #queue: (() => void)[] = []

  async acquire(life: Lifetime, onWait: OnQuotaWait): Promise<Permit> {
    for (;;) {
      life.throwIfOver()
      const ms = this.#waitUntil - asyncScheduler.now()
      if (this.#reason !== undefined && ms > 0) await this.#wait(ms, life, onWait, this.#reason)
      else if (this.#inUse < Math.floor(this.#permits)) return this.#grant()
      else await this.#turn(life)
    }
  }

  limited({ epoch }: Permit, reason: StreamError, ms: number): void {
    // Requests that were sent together are refused together: that is one refusal.
    if (epoch === this.#epoch) {
      this.#epoch += 1
      this.#strikes += 1
      this.#successes = 0
      this.#permits = Math.max(1, Math.floor(this.#permits / 2))
    }
    this.#reason = reason
    this.#waitUntil = Math.max(this.#waitUntil, asyncScheduler.now() + Math.max(ms, MIN_WAIT_MS))
  }

  /** Those who wait for the quota do not all ask at the same moment: that drew the next refusal. */
  #wait(ms: number, life: Lifetime, onWait: OnQuotaWait, reason: StreamError): Promise<void> {
    const spread = Math.min(FIRST_SPREAD_MS * 2 ** Math.max(0, this.#strikes - 1), MOST_SPREAD_MS)
    const whole = ms + Math.random() * spread
    onWait(reason, whole)
    return life.wait(whole)
  }

  #grant(): Permit {
    this.#inUse += 1
    let isReleased = false
    return {
      epoch: this.#epoch,
      release: (outcome) => {
        if (isReleased) return
        isReleased = true
        this.#inUse -= 1
        if (outcome === 'succeeded') this.#grow()
        this.#queue.shift()?.()
      },
    }
  }

  #grow(): void {
    this.#strikes = 0
    this.#successes += 1
    if (this.#successes < this.#permits) return
    this.#successes = 0
    this.#permits = Math.min(MOST_PERMITS, this.#permits + 1)
    this.#queue.shift()?.()
  }

  #turn(life: Lifetime): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = () => {
        forget()
        // It may have been called while the permits shrank: the caller asks again.
        resolve()
      }
      const forget = life.onEnd(() => {
        this.#queue.splice(this.#queue.indexOf(next), 1)
        reject(life.reason)
      })
      this.#queue.push(next)
    })
  }
}

const MIN_WAIT_MS = 100

const budgets = shared('archive-budgets.1', () => new Map<string, Budget>())

/** The budget of a key, or of a host that asks for none. The key itself is not kept. */
export function budgetOf(apiKey: string | undefined, host: string): Budget {
  const name = apiKey === undefined ? `host ${host}` : `key ${hashOf(apiKey)}`
  const known = budgets.get(name)
  if (known !== undefined) return known
  const made = new SharedBudget()
  budgets.set(name, made)
  return made
}
