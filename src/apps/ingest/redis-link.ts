import type { createClient } from '@redis/client'
import type { Messages } from '../../cli/messages.js'
import { ConfigError, RedisRefusedError } from '../../index.js'
import { Outage } from './outage.js'

/** A client of `@redis/client`. */
export type Redis = ReturnType<typeof createClient>

const FIRST_DELAY_MS = 50
const LONGEST_DELAY_MS = 2000
const PING_EVERY_MS = 5000
const IDLE_TIMEOUT_MS = 15_000

/**
 * What a server answers to a connection that can never be: another password, no right, a database
 * that it lacks.
 */
const REFUSAL = /^(WRONGPASS|NOAUTH|NOPERM|ERR(?! max number of clients))\b/

/**
 * What Node says of a certificate that it does not trust. A Redis without TLS says nothing at all
 * to a handshake.
 */
const TLS_CODE =
  /^(CERT_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_|ERR_TLS_CERT|ERR_SSL_|HOSTNAME_MISMATCH|INVALID_CA)/

/**
 * The one connection to Redis of a run. What can pass is tried again for ever, from the start on: a
 * compose file starts us all at once.
 */
export class RedisLink {
  readonly away = new Outage()
  #client: Redis | undefined
  #wasReady = false
  #isTold = false

  constructor(
    private readonly url: URL,
    private readonly messages: Messages,
  ) {}

  /**
   * Settles when Redis is there. Rejects with `RedisRefusedError` where it never will be, and with
   * `ConfigError` without the package.
   */
  async connect(): Promise<Redis> {
    const client = (await clientPackage()).createClient({
      url: this.url.href,
      // What could not be sent is to be told so: the sink knows better than a queue what to send
      // again.
      disableOfflineQueue: true,
      // The sink and the cursors have deadlines of their own; the package's is a timer for each
      // command.
      commandOptions: { timeout: 0 },
      pingInterval: PING_EVERY_MS,
      socket: {
        socketTimeout: IDLE_TIMEOUT_MS,
        reconnectStrategy: (retries, cause) => this.#next(retries, cause),
      },
    }) as Redis
    this.#client = client
    client.on('ready', () => this.#ready())
    client.on('error', (error: Error) => this.#failed(error))
    try {
      await client.connect()
    } catch (error) {
      throw refusalOf(error)
    }
    await refuseCluster(client)
    return client
  }

  close(): void {
    if (this.#client?.isOpen) this.#client.destroy()
  }

  #next(retries: number, cause: Error): number | Error {
    // Later a changed password may be changed back; at the start it is a mistake of ours.
    if (!this.#wasReady && isRefusal(cause)) return cause
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
    // At the start it ends the run, which says why.
    if (!this.#wasReady && isRefusal(error)) return
    const what = isRefusal(error) ? 'refuses the connection' : 'is away'
    const text = `Redis at ${this.url.host} ${what}: ${messageOfError(error)}`
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
    throw new ConfigError('ingest', [
      {
        option: 'redis',
        message: 'needs a package that is not installed: npm install @redis/client',
      },
    ])
  }
}

const isRefusal = (error: Error): boolean =>
  REFUSAL.test(messageOfError(error)) || TLS_CODE.test(codeOf(error))

function refusalOf(error: unknown): unknown {
  const { originalError: cause = error } = error as { readonly originalError?: unknown }
  if (!(cause instanceof Error) || !isRefusal(cause)) return error
  const text = messageOfError(cause)
  const code = codeOf(cause)
  if (!TLS_CODE.test(code))
    return new RedisRefusedError(`Redis answered ${text}`, text.split(' ', 1)[0] ?? '', { cause })
  return new RedisRefusedError(
    `the TLS of Redis cannot be trusted: ${text} (${code}); ${TRUST}`,
    code,
    { cause },
  )
}

const TRUST = 'name the authority of its certificate with NODE_EXTRA_CA_CERTS'

/**
 * The keys of a run lie on several nodes of a cluster, and one connection reaches one of them. A
 * user who may not ask is told by the first `MOVED`.
 */
async function refuseCluster(client: Redis): Promise<void> {
  const info = await client.sendCommand(['INFO', 'cluster']).catch(() => '')
  if (!/cluster_enabled:1/.test(String(info))) return
  throw new RedisRefusedError(
    'this Redis is a cluster, which `ingest` does not serve yet: name a single server',
    'MOVED',
  )
}

const codeOf = (error: Error): string => String((error as { readonly code?: unknown }).code)

/** Node's errors of several addresses have an empty message. */
const messageOfError = (error: Error): string => error.message || codeOf(error)
