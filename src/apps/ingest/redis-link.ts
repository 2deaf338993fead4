import type { createClient } from '@redis/client'
import type { Messages } from '../../cli/messages.js'
import { ConfigError, RedisRefusedError } from '../../index.js'
import { Outage } from './health.js'

/** A client of `@redis/client`. */
export type Redis = ReturnType<typeof createClient>

const FIRST_DELAY_MS = 50
const LONGEST_DELAY_MS = 2000
const PING_EVERY_MS = 5000
const IDLE_TIMEOUT_MS = 15_000

/**
 * Replies that no retry can change: a wrong password, a missing permission, a database that does
 * not exist.
 */
const REFUSAL = /^(WRONGPASS|NOAUTH|NOPERM|ERR(?! max number of clients))\b/

/** Node's error codes for a certificate it does not trust. A Redis without TLS sends no reply. */
const TLS_CODE = new RegExp(
  `^(${[
    'CERT_',
    'DEPTH_ZERO_SELF_SIGNED',
    'SELF_SIGNED',
    'UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_',
    'ERR_TLS_CERT',
    'ERR_SSL_',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
  ].join('|')})`,
)

/**
 * The one connection to Redis of a run. It retries without end from the first attempt on, since a
 * compose file starts Redis and this program at the same time.
 */
export class RedisLink {
  readonly outage = new Outage()
  #client: Redis | undefined
  #wasReady = false
  #isReported = false

  constructor(
    private readonly url: URL,
    private readonly messages: Messages,
  ) {}

  /**
   * Resolves when connected. Rejects with `RedisRefusedError` where no retry can help, and with
   * `ConfigError` if the package is not installed.
   */
  async connect(): Promise<Redis> {
    const client = (await clientPackage()).createClient({
      url: this.url.href,
      // A command that cannot be sent must fail: the sink decides what to send again.
      disableOfflineQueue: true,
      // The sink and the cursor store have their own deadlines; this would add a timer per command.
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
    // Later, a changed password may be changed back; at the start it is a mistake in the settings.
    if (!this.#wasReady && isRefusal(cause)) return cause
    return Math.min(2 ** retries * FIRST_DELAY_MS, LONGEST_DELAY_MS) * (0.5 + Math.random() / 2)
  }

  #ready(): void {
    this.outage.update(false)
    this.#wasReady = true
    if (this.#isReported) this.messages.info(`Redis is back at ${this.url.host}`)
    this.#isReported = false
  }

  /** Only the first failure in a row is a warning. */
  #failed(error: Error): void {
    this.outage.update(true)
    // At the start it ends the run with its own message.
    if (!this.#wasReady && isRefusal(error)) return
    const what = isRefusal(error) ? 'refuses the connection' : 'is away'
    const text = `Redis at ${this.url.host} ${what}: ${messageOfError(error)}`
    if (this.#isReported) this.messages.detail(text)
    else this.messages.warn(`${text}; retrying until it is back`)
    this.#isReported = true
  }
}

/** Imported on demand: the package is optional, and no other command needs it. */
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
    `the TLS certificate of Redis is not trusted: ${text} (${code}); ${TRUST}`,
    code,
    { cause },
  )
}

const TRUST = 'set NODE_EXTRA_CA_CERTS to the file of its certificate authority'

/**
 * The keys of a run are on several nodes of a cluster, and one connection reaches one node. A user
 * without the right to call INFO gets the first `MOVED` error instead.
 */
async function refuseCluster(client: Redis): Promise<void> {
  const info = await client.sendCommand(['INFO', 'cluster']).catch(() => '')
  if (!/cluster_enabled:1/.test(String(info))) return
  throw new RedisRefusedError(
    'this Redis is a cluster, which `ingest` does not support yet: use a single server',
    'MOVED',
  )
}

const codeOf = (error: Error): string => String((error as { readonly code?: unknown }).code)

/** Node's errors of several addresses have an empty message. */
const messageOfError = (error: Error): string => error.message || codeOf(error)
