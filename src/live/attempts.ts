import { ReconnectExhaustedError, RefusedError, ServerError, type StreamError } from '../errors.js'
import type { BackoffOptions } from '../options/backoff.js'
import { Retries } from '../options/retries.js'
import { AskAgain, Redial } from './protocol.js'

/** When a lost connection is dialled again. */
export interface ReconnectOptions extends BackoffOptions {
  /**
   * How many retries in a row may bring nothing, before the stream ends with
   * `ReconnectExhaustedError`.
   * @default Infinity
   */
  readonly maxAttempts?: number | undefined
}

// An open connection that lived for so long was a healthy one, also when a narrow filter let no
// event through.
const HEALTHY_AFTER_MS = 60_000

// All requests about one position need fewer than this.
const MAX_QUESTIONS = 12

/**
 * Decides which host is dialled next, and after what delay. Progress is a new event, or a long
 * life; never an open alone, and never a repeat.
 */
export class Attempts {
  #hostIndex = 0
  // A server that asks us to come back is not failing, unless it does nothing else.
  #cameBack = false
  #questions = 0
  readonly #maxAttempts: number
  readonly #retries: Retries

  constructor(
    private readonly hosts: readonly [string, ...string[]],
    { maxAttempts = Number.POSITIVE_INFINITY, ...backoff }: ReconnectOptions,
  ) {
    this.#maxAttempts = maxAttempts
    this.#retries = new Retries(backoff)
  }

  /** The retries in a row that brought no progress. */
  get count(): number {
    return this.#retries.count
  }

  get host(): string {
    return this.hosts[this.#hostIndex] ?? this.hosts[0]
  }

  progressed(): void {
    this.#retries.succeeded()
    this.#cameBack = false
    this.#questions = 0
  }

  /**
   * The delay before the next dial, in milliseconds. `openMs`: how long the connection was open,
   * `undefined` when it never was.
   */
  afterEnd(error: StreamError, openMs: number | undefined): number {
    if (error instanceof AskAgain) this.#questions += 1
    if (error instanceof Redial && this.#questions <= MAX_QUESTIONS) return 0
    if (!(error instanceof ServerError) || this.#cameBack) return this.#afterFailure(error, openMs)
    this.#cameBack = true
    return 0
  }

  #afterFailure(error: StreamError, openMs: number | undefined): number {
    if (openMs !== undefined && openMs >= HEALTHY_AFTER_MS) this.progressed()
    // A host that brought events is dialled again; one that did not is no better than the next.
    if (this.count > 0 || openMs === undefined)
      this.#hostIndex = (this.#hostIndex + 1) % this.hosts.length
    if (this.count >= this.#maxAttempts) throw exhausted(this.count, error)
    return this.#retries.failed(error instanceof RefusedError ? error.retryAfterMs : undefined)
  }
}

const exhausted = (count: number, cause: StreamError): ReconnectExhaustedError =>
  new ReconnectExhaustedError(
    `${count} ${count === 1 ? 'retry' : 'retries'} in a row brought nothing (\`maxAttempts\`): ` +
      cause.message,
    { cause },
  )
