import type { createClient } from '@redis/client'
import { ConfigError, RedisRefusedError } from '../../index.js'
import type { Messages } from '../messages.js'
import { Away } from './away.js'

/** A client of `@redis/client`. */
export type Redis = ReturnType<typeof createClient>

const FIRST_DELAY_MS = 50
const LONGEST_DELAY_MS = 2000
const PING_EVERY_MS = 5000
const IDLE_TIMEOUT_MS = 15_000

/** What a server answers to a connection that can never be: another password, no right, a database that it lacks. */
const REFUSAL = /^(WRONGPASS|NOAUTH|NOPERM|ERR(?! max number of clients))\b/

/** The one connection to Redis of a run. What can pass is tried again for ever, from the start on: a compose file starts us all at once. */
export class RedisLink {
  readonly away = new Away()
  #client: Redis | undefined
  #wasReady = false
  #isTold = false

  constructor(
    private readonly url: URL,
    private readonly messages: Messages,
  ) {}

  /** Settles when Redis is there. Rejects with `RedisRefusedError` where it never will be, and with `ConfigError` without the package. */
  async connect(): Promise<Redis> {
    const client = (await clientPackage()).createClient({
      url: this.url.href,
      // What could not be sent is to be told so: the sink knows better than a queue what to send again.
      disableOfflineQueue: true,
      // The sink and the cursors have deadlines of their own; the package's is a timer for each command.
      commandOptions: { timeout: 0 },
      pingInterval: PING_EVERY_MS,
      socket: { socketTimeout: IDLE_TIMEOUT_MS, reconnectStrategy: (retries, cause) => this.#next(retries, cause) },
    }) as Redis
    this.#client = client
    client.on('ready', () => this.#ready())
    client.on('error', (error: Error) => this.#failed(error))
    try {
      await client.connect()
      return client
    } catch (error) {
      throw refusalOf(error)
    }
  }

  close(): void {
    if (this.#client?.isOpen) this.#client.destroy()
  }

  #next(retries: number, cause: Error): number | Error {
    // Later a changed password may be changed back; at the start it is a mistake of ours.
    if (!this.#wasReady && REFUSAL.test(cause.message)) return cause
    return Math.min(2 ** retries * FIRST_DELAY_MS, LONGEST_DELAY_MS) * (0.5 + Math.random() / 2)
  }

  #ready(): void {
    this.away.tell(false)
    this.#wasReady = true
    if (this.#isTold) this.messages.info(`Redis is back at ${this.url.host}`)
    this.#isTold = false
  }

  /** The first of a row is worth a line. */
  #failed(error: Error): void {
    this.away.tell(true)
    const text = `Redis at ${this.url.host} is away: ${textOf(error)}`
    if (this.#isTold) this.messages.detail(text)
    else this.messages.warn(`${text}; it is tried again until it is there`)
    this.#isTold = true
  }
}

/** Imported when it is needed: the package is optional, and all but this command do without. */
async function clientPackage(): Promise<{ readonly createClient: typeof createClient }> {
  try {
    return await import('@redis/client')
  } catch {
    throw new ConfigError('ingest', [{ option: 'redis', message: 'needs a package that is not installed: npm install @redis/client' }])
  }
}

function refusalOf(error: unknown): unknown {
  const { originalError: cause = error } = error as { readonly originalError?: unknown }
  const text = cause instanceof Error ? textOf(cause) : String(cause)
  return REFUSAL.test(text) ? new RedisRefusedError(`Redis answered ${text}`, text.split(' ', 1)[0] ?? '', { cause }) : error
}

/** Node's errors of several addresses have an empty message. */
const textOf = (error: Error): string => error.message || String((error as { readonly code?: unknown }).code)
