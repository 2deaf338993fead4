import { asyncScheduler, firstValueFrom, lastValueFrom, Subject, takeUntil, timer } from 'rxjs'
import { StreamError } from '../../errors.js'
import type { BackoffOptions } from '../../options/backoff.js'
import { Retries } from '../../options/retries.js'
import type { RedisCommands } from '../../redis-client/client.js'
import type { StreamOptions } from './config.js'

/**
 * What the parts of one subscription share: the client, the options, the outages, and how far the
 * subscription's end is.
 */
export class Session {
  /**
   * `lingering`: the subscription has ended, and Redis still receives what ends after it. `ended`:
   * nothing more is worth waiting for.
   */
  #state: 'running' | 'lingering' | 'ended' = 'running'
  #hasBegun = false
  #released: Promise<unknown> | undefined
  readonly outages: Outages
  /** Something became of an entry or an ack: something may be idle now. */
  readonly changed$ = new Subject<void>()
  /** An outage began or ended, or the stream and its group exist. */
  readonly statusChanged$ = new Subject<void>()
  /** An error that no retry helps. */
  readonly failed$ = new Subject<unknown>()
  readonly ended$ = new Subject<void>()

  constructor(
    readonly commands: RedisCommands,
    readonly options: StreamOptions,
  ) {
    this.outages = new Outages(options.reconnect)
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** Whether a stream and its group are known to exist. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  began(): void {
    this.#hasBegun = true
    this.statusChanged$.next()
  }

  // --- Outages ---

  /**
   * Settles when `part` should try again; rejects with an error that no retry helps. The part
   * counts as failing until {@link recovered}.
   */
  async retry(part: object, error: unknown): Promise<void> {
    if (!(error instanceof StreamError && error.retryable) || this.#state === 'ended') throw error
    const delayMs = this.outages.failed(part, error)
    this.statusChanged$.next()
    await lastValueFrom(timer(delayMs).pipe(takeUntil(this.ended$)), { defaultValue: 0 })
  }

  recovered(part: object): void {
    if (this.outages.recovered(part)) this.statusChanged$.next()
  }

  /** Ends the subscription with an error that no retry helps. */
  fail(error: unknown): void {
    if (this.isRunning) this.failed$.next(error)
  }

  // --- The end ---

  linger(): void {
    this.#state = 'lingering'
  }

  /** `released` settles when the partitions are free for others. */
  end(released: Promise<unknown> | undefined): void {
    this.#state = 'ended'
    this.#released = released
    this.ended$.next()
    this.statusChanged$.next()
  }

  /**
   * Settles when the partitions of a subscription that has ended are free for others: a program may
   * close its client as soon as the stream has completed.
   */
  async whenReleased(): Promise<void> {
    if (this.#state === 'lingering') await firstValueFrom(this.ended$, { defaultValue: undefined })
    await this.#released
  }
}

/** Redis could not serve one part of a subscription, which tries again. */
export interface Outage {
  /** Which retry in a row comes next, from 1. */
  readonly attempt: number
  /** Unix milliseconds. */
  readonly nextAttemptAt: number
  readonly delayMs: number
  readonly reason: StreamError
}

/**
 * The outages of a subscription's readers and writers. Each part has its own backoff; metrics show
 * the oldest outage.
 */
export class Outages {
  /** How often any part had to try again. */
  count = 0
  readonly #current = new Map<object, Outage & { readonly retries: Retries }>()

  constructor(private readonly backoff: BackoffOptions) {}

  get current(): Outage | undefined {
    return this.#current.values().next().value
  }

  /** Returns how long to wait before the next attempt, in milliseconds. */
  failed(part: object, reason: StreamError): number {
    const { retries } = this.#current.get(part) ?? { retries: new Retries(this.backoff) }
    const delayMs = retries.failed()
    const nextAttemptAt = asyncScheduler.now() + delayMs
    this.count += 1
    this.#current.set(part, { retries, attempt: retries.count, delayMs, nextAttemptAt, reason })
    return delayMs
  }

  /** Returns whether the part had an outage. */
  recovered(part: object): boolean {
    return this.#current.delete(part)
  }
}
