import { asyncScheduler, timer } from 'rxjs'
import { sendRequest } from '#http'
import {
  ConnectError,
  PageError,
  ReconnectExhaustedError,
  RefusedError,
  RequestTimeoutError,
  StreamError,
  WireError,
} from '../../../errors.js'
import type { HttpAnswer } from '../../../http/request.js'
import { reasonOf } from '../../../internal/message-of.js'
import type { ReconnectOptions } from '../../../live/hosts.js'
import type { HttpAgent } from '../../../options/agent.js'
import { Retries } from '../../../options/retries.js'
import { readRefusal } from '../../../socket/refusal.js'
import type { Wait } from '../../../socket/socket.js'
import { type Budget, budgetOf, type Permit } from './budget.js'
import type { Lifetime } from './lifetime.js'

/** How an archive is asked. */
export interface RequestOptions {
  /** An `https` or `http` URL, without a path. */
  readonly host: string
  readonly apiKey: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly agent: HttpAgent | undefined
  /** The longest silence of a server, before its answer and inside it. */
  readonly idleTimeoutMs: number
  readonly reconnect: ReconnectOptions
}

export interface ArchiveRequest {
  readonly method: 'listSegments' | 'planSnapshot' | 'getSegment' | 'getBlock'
  readonly params?: Readonly<Record<string, string>>
  /** Of a POST. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer whose status is 200, 206 or 416. */
export interface ArchiveAnswer {
  readonly status: number
  readonly headers: Headers
  /** The bytes as they come. Throws when the body ends with an error, or is silent for too long. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** One attempt of {@link Requests.run}. */
export interface Attempt {
  send(request: ArchiveRequest): Promise<ArchiveAnswer>
  /** Bytes came that need not come again: the failures before them are forgotten. */
  progressed(): void
}

const MAX_BAD_ANSWERS = 5
const MAX_RESET_MS = 15 * 60_000
const FIRST_UNIX_TIME = 1e9
// Where a refusal for the quota does not say how long.
const LIMITED_MS = 1000

/**
 * The requests of one stream. What may pass is tried again, without an end: refusals for the quota,
 * 5xx, a network that is away. Every wait is told.
 */
export class Requests {
  /** Bytes of all bodies. */
  bytes = 0
  waits = 0
  readonly #budget: Budget

  constructor(
    private readonly options: RequestOptions,
    private readonly life: Lifetime,
    private readonly told: (wait: Wait | undefined) => void,
  ) {
    this.#budget = budgetOf(options.apiKey, options.host)
  }

  /** Runs `attempt` until it succeeds. Rejects with the error that cannot pass. */
  async run<T>(attempt: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { maxAttempts = Number.POSITIVE_INFINITY, ...backoff } = this.options.reconnect
    const retries = new Retries(backoff)
    let [bad, limited] = [0, 0]
    for (;;) {
      const permit = await this.#budget.acquire(this.life, (reason, ms) =>
        this.#tell({ reason, ms, attempt: Math.max(limited, 1) }),
      )
      try {
        const done = await this.#attempt(attempt, retries)
        permit.release('succeeded')
        this.told(undefined)
        return done
      } catch (error) {
        permit.release('failed')
        if (error instanceof PageError && ++bad >= MAX_BAD_ANSWERS)
          throw new WireError(`the host has no archive: ${error.message}`, { cause: error })
        if (isLimited(error)) limited += 1
        else if (retries.count >= maxAttempts && isFailure(error))
          throw exhausted(retries.count, error)
        await this.#after(error, permit, retries)
      }
    }
  }

  async #attempt<T>(attempt: (attempt: Attempt) => Promise<T>, retries: Retries): Promise<T> {
    const watches: Watch[] = []
    try {
      return await attempt({
        send: (request) => this.#send(request, watches),
        progressed: () => {
          retries.succeeded()
          this.told(undefined)
        },
      })
    } finally {
      for (const watch of watches) watch.discard()
    }
  }

  /** Waits, and tells it. */
  async wait(wait: Wait): Promise<void> {
    this.#tell(wait)
    await this.life.wait(wait.ms)
    this.told(undefined)
  }

  /** Throws what cannot pass, and waits otherwise. */
  async #after(error: unknown, permit: Permit, retries: Retries): Promise<void> {
    this.life.throwIfOver()
    if (!(error instanceof StreamError) || !error.retryable) throw error
    if (isLimited(error))
      return this.#budget.limited(permit, error, error.retryAfterMs ?? LIMITED_MS)
    const ms = retries.failed(error instanceof RefusedError ? error.retryAfterMs : undefined)
    this.#tell({ reason: error, ms, attempt: retries.count })
    await this.life.wait(ms)
  }

  #tell(wait: Wait): void {
    this.waits += 1
    this.told(wait)
  }

  async #send(
    { method, params = {}, body, headers }: ArchiveRequest,
    watches: Watch[],
  ): Promise<ArchiveAnswer> {
    const url = new URL(`/xrpc/network.bsky.jetstream.${method}`, this.options.host)
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
    const watch = new Watch(this.life, this.options.idleTimeoutMs)
    watches.push(watch)
    try {
      const response = await sendRequest(url, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { ...this.#headers, ...headers, ...(body === undefined ? {} : JSON_BODY) },
        // It would carry the key to another host.
        redirect: 'manual',
        signal: watch.signal,
        agent: this.options.agent,
        ...(body === undefined ? {} : { body }),
      })
      watch.heard()
      if (![200, 206, 416].includes(response.status)) throw await refusalOf(method, response)
      const { status } = response
      return { status, headers: response.headers, chunks: this.#chunks(method, response, watch) }
    } catch (error) {
      watch.stop()
      throw this.#failureOf(method, error, watch)
    }
  }

  get #headers(): Readonly<Record<string, string>> {
    const { apiKey, headers } = this.options
    return apiKey === undefined ? headers : { ...headers, authorization: `Bearer ${apiKey}` }
  }

  async *#chunks(method: string, { body }: HttpAnswer, watch: Watch): AsyncGenerator<Uint8Array> {
    watch.isRead = true
    const reader = body?.getReader()
    try {
      while (reader !== undefined) {
        const { done, value } = await reader.read()
        watch.heard()
        if (done) return
        this.bytes += value.length
        yield value
      }
    } catch (error) {
      throw this.#failureOf(method, error, watch)
    } finally {
      watch.stop()
      // Not awaited: it need not end before the server does.
      reader?.cancel().catch(() => {})
    }
  }

  #failureOf(method: string, error: unknown, watch: Watch): unknown {
    if (this.life.isOver) return this.life.reason
    if (error instanceof StreamError) return error
    const { idleTimeoutMs } = this.options
    if (watch.isSilent)
      return new RequestTimeoutError(
        `${method} was silent for \`idleTimeoutMs\` (${idleTimeoutMs} ms)`,
      )
    return new ConnectError(`${method} could not be read: ${reasonOf(error)}`, { cause: error })
  }
}

const JSON_BODY = { 'content-type': 'application/json' }

/** Ends one request with the stream, or after a silence. */
class Watch {
  isSilent = false
  /** Whether the body is read: it then ends by itself. */
  isRead = false
  readonly #controller = new AbortController()
  #silence = timer(0).subscribe()

  readonly #forget: () => void

  constructor(
    life: Lifetime,
    private readonly idleTimeoutMs: number,
  ) {
    this.#forget = life.onEnd(() => this.#controller.abort(life.reason))
    this.heard()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  heard(): void {
    this.#silence.unsubscribe()
    this.#silence = timer(this.idleTimeoutMs).subscribe(() => {
      this.isSilent = true
      this.#controller.abort()
    })
  }

  stop(): void {
    this.#silence.unsubscribe()
    this.#forget()
  }

  /** Ends a request whose body is not read. Otherwise it would last until the silence is over. */
  discard(): void {
    if (this.isRead) return
    this.stop()
    this.#controller.abort()
  }
}

async function refusalOf(method: string, response: HttpAnswer): Promise<RefusedError> {
  const { status, headers, type } = response
  // A browser does not say where to.
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    await response.body?.cancel()
    return new RefusedError(
      `${method} was redirected to ${headers.get('location') ?? 'another place'}; ` +
        'redirects are not followed: name that host',
      { status, body: '' },
    )
  }
  const refused = await readRefusal(response, method)
  if (refused.retryAfterMs !== undefined) return refused
  const retryAfterMs = resetMs(headers.get('ratelimit-reset'))
  return retryAfterMs === undefined
    ? refused
    : new RefusedError(refused.message, { ...refused, retryAfterMs })
}

/** Seconds from now, or a unix time in seconds. */
function resetMs(header: string | null): number | undefined {
  const seconds = Number(header ?? Number.NaN)
  if (!Number.isFinite(seconds) || seconds < 0) return undefined
  const ms = seconds >= FIRST_UNIX_TIME ? seconds * 1000 - asyncScheduler.now() : seconds * 1000
  return Math.min(Math.max(ms, 0), MAX_RESET_MS)
}

/** The server's own backpressure: no failure, and no attempt. */
const isLimited = (error: unknown): error is RefusedError =>
  error instanceof RefusedError && error.status === 429

const isFailure = (error: unknown): error is StreamError =>
  error instanceof StreamError && error.retryable

const exhausted = (count: number, cause: StreamError): ReconnectExhaustedError =>
  new ReconnectExhaustedError(
    `${count} ${count === 1 ? 'retry' : 'retries'} in a row brought nothing (\`maxAttempts\`): ` +
      cause.message,
    { cause },
  )
