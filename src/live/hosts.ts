import { asyncScheduler } from 'rxjs'
import {
  ProxyError,
  ReconnectExhaustedError,
  RefusedError,
  ServerError,
  SilentError,
  type StreamError,
  WireError,
} from '../errors.js'
import type { Log } from '../internal/log.js'
import { type BackoffOptions, backoffMs } from '../options/backoff.js'
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

export interface HostsOptions {
  readonly hosts: readonly [string, ...string[]]
  readonly reconnect: ReconnectOptions
  readonly refusedForMs: number
  readonly log: Log
}

/** What is known of one host. */
interface Host {
  readonly url: string
  /** Until when it asked us to stay away: RxJS's clock, in milliseconds. */
  waitsUntil: number
  /** How long all delays together were when it last made progress. */
  servedAt: number
  /** Whether its last answer was a refusal for good. */
  isRefusing: boolean
  /** Whether that refusal is in the log. */
  isReported: boolean
  /** How many connections in a row brought a few events and ended at once. */
  flaps: number
}

// An open connection that lived for so long was a healthy one, also when a narrow filter let no
// event through.
const HEALTHY_AFTER_MS = 60_000

// A connection that ended sooner, and with fewer new events, was a flap.
const STEADY_AFTER_MS = 10_000
const STEADY_EVENTS = 1000

// So many flaps in a row are no progress.
const MAX_FLAPS = 8

// All requests about one position need fewer than this.
const MAX_QUESTIONS = 12

/**
 * Decides which host is dialled next, and after what delay. Progress is a new event, or a long
 * life; never an open alone, and never a repeat.
 */
export class Hosts {
  #index = 0
  // A server that asks us to come back is not failing, unless it does nothing else.
  #cameBack = false
  #questions = 0
  #attempts = 0
  // All delays together. A clock would count the time, too, in which the machine slept.
  #waitedMs = 0
  readonly #hosts: readonly [Host, ...Host[]]
  readonly #maxAttempts: number
  readonly #refusedForMs: number
  readonly #backoff: BackoffOptions
  readonly #retries: Retries
  readonly #log: Log

  constructor({ hosts: [first, ...others], reconnect, refusedForMs, log }: HostsOptions) {
    const { maxAttempts = Number.POSITIVE_INFINITY, ...backoff } = reconnect
    this.#hosts = [hostAt(first), ...others.map(hostAt)]
    this.#maxAttempts = maxAttempts
    this.#refusedForMs = refusedForMs
    this.#backoff = backoff
    this.#retries = new Retries(backoff)
    this.#log = log
  }

  /** The URL of the host that is dialled, or will be. */
  get url(): string {
    return this.#host.url
  }

  /** The retries in a row that brought no progress. */
  get count(): number {
    return this.#attempts
  }

  /** The next retry in a row, from 1. */
  get attempt(): number {
    return Math.max(1, this.count)
  }

  progressed(): void {
    const host = this.#host
    host.servedAt = this.#waitedMs
    host.isReported = false
    this.#attempts = 0
    // The delays of a host that flaps go on growing.
    if (host.flaps >= MAX_FLAPS) return
    this.#retries.succeeded()
    this.#cameBack = false
    this.#questions = 0
  }

  /**
   * The delay before the next dial, in milliseconds. Throws what ends the stream. `openMs`: how
   * long the connection was open, `undefined` when it never was. `newEvents`: how many it brought
   * beyond all before it.
   */
  afterEnd(error: StreamError, openMs: number | undefined, newEvents = 0): number {
    if (openMs !== undefined && !(error instanceof Redial)) this.#countFlap(openMs, newEvents)
    if (newEvents > 0) this.progressed()
    this.#host.isRefusing = false
    if (!error.retryable) this.#refused(this.#host, error)
    if (error instanceof SilentError) return this.#afterSilence(this.#host, error)
    if (error instanceof AskAgain) this.#questions += 1
    if (error instanceof Redial && this.#questions <= MAX_QUESTIONS) return 0
    if (!(error instanceof ServerError) || this.#cameBack) return this.#afterFailure(error, openMs)
    this.#cameBack = true
    return 0
  }

  get #host(): Host {
    return this.#hosts[this.#index] ?? this.#hosts[0]
  }

  /** A server that accepts, sends what has come meanwhile and hangs up is as good as away. */
  #countFlap(openMs: number, newEvents: number): void {
    const host = this.#host
    if (openMs >= STEADY_AFTER_MS || newEvents >= STEADY_EVENTS) host.flaps = 0
    else if (newEvents > 0) host.flaps += 1
    if (host.flaps === MAX_FLAPS && newEvents > 0)
      this.#log.warn(`${host.url} ended ${MAX_FLAPS} connections in a row soon after their opening`)
  }

  /**
   * One host's answer is not the list's. A host that worked a short while ago is being restarted
   * or moved: it is dialled again like one that cannot be reached.
   */
  #refused(host: Host, error: StreamError): void {
    if (!isOfHost(error)) throw error
    if (mayPass(error) && this.#waitedMs - host.servedAt < this.#refusedForMs) return
    host.isRefusing = true
    if (this.#hosts.every(({ isRefusing }) => isRefusing)) throw error
    if (!host.isReported)
      this.#log.warn(`${host.url} is left for the other hosts: ${error.message}`)
    host.isReported = true
  }

  /** A silent host can be reached: that is no attempt in vain. The next one may not be silent. */
  #afterSilence(host: Host, error: SilentError): number {
    if (!host.isReported || error.collection !== undefined)
      this.#log.warn(`${host.url} is left for the next host, if there is one: ${error.message}`)
    host.isReported = true
    return this.#dialIn(backoffMs(1, this.#backoff), 'next')
  }

  #afterFailure(error: StreamError, openMs: number | undefined): number {
    if (openMs !== undefined && openMs >= HEALTHY_AFTER_MS) this.progressed()
    const host = this.#host
    host.waitsUntil = asyncScheduler.now() + waitOf(error)
    // A host that brought events is dialled again; one that did not is no better than the next.
    const isLeft = this.#retries.count > 0 || openMs === undefined || host.isRefusing
    if (this.count >= this.#maxAttempts) throw exhausted(this.count, error)
    this.#attempts += 1
    return this.#dialIn(this.#retries.failed(), isLeft ? 'next' : 'same')
  }

  /** Chooses the host; returns the delay, which is longer where that host asked for it. */
  #dialIn(delayMs: number, which: 'same' | 'next'): number {
    const now = asyncScheduler.now()
    if (which === 'next') this.#index = this.#nextIndex(now + delayMs)
    const longer = Math.max(delayMs, this.#host.waitsUntil - now)
    this.#waitedMs += longer
    return longer
  }

  /** The next host in the list that may be dialled `at` this time, or the first one after it. */
  #nextIndex(at: number): number {
    const { length } = this.#hosts
    const order = this.#hosts.map((_, offset) => (this.#index + 1 + offset) % length)
    const whenOf = (index: number) => Math.max(this.#hosts[index]?.waitsUntil ?? 0, at)
    return order.reduce((best, index) => (whenOf(index) < whenOf(best) ? index : best))
  }
}

const hostAt = (url: string): Host => ({
  url,
  waitsUntil: 0,
  servedAt: Number.NEGATIVE_INFINITY,
  isRefusing: false,
  isReported: false,
  flaps: 0,
})

/**
 * Whether the error is one host's answer. A 400 with a reason is about our filter, which is the
 * same for every host; the page of a proxy in front of one host has HTML or no body.
 */
export const isOfHost = (error: StreamError): boolean =>
  error instanceof WireError ||
  isOfProxy(error) ||
  (error instanceof RefusedError && !(error.status === 400 && hasReason(error)))

/** A proxy's answer: its own rule about one host, or a password that it does not accept. */
const isOfProxy = (error: StreamError): boolean =>
  error instanceof ProxyError && error.status !== undefined

const waitOf = (error: StreamError): number =>
  (error instanceof RefusedError ? error.retryAfterMs : undefined) ?? 0

const hasReason = ({ error, body }: RefusedError): boolean =>
  error !== undefined || !/^\s*(<|$)/.test(body)

/** 401 is about our credentials, and a wire about the host's software: neither passes in time. */
const mayPass = (error: StreamError): boolean =>
  (error instanceof RefusedError && error.status !== 401) || isOfProxy(error)

const exhausted = (count: number, cause: StreamError): ReconnectExhaustedError =>
  new ReconnectExhaustedError(
    `${count} ${count === 1 ? 'retry' : 'retries'} in a row brought nothing (\`maxAttempts\`): ` +
      cause.message,
    { cause },
  )
