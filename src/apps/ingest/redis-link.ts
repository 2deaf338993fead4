import type { createClient, createCluster } from '@redis/client'
import { firstValueFrom, timer } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import { ConfigError, RedisRefusedError } from '../../index.js'
import { Outage } from './health.js'

type Server = ReturnType<typeof createClient>
type Cluster = ReturnType<typeof createCluster>

/** A client of `@redis/client`. */
export type Redis = Server | Cluster

interface ClientPackage {
  readonly createClient: typeof createClient
  readonly createCluster: typeof createCluster
}

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
 * The one client of Redis of a run. It retries without end from the first attempt on, since a
 * compose file starts Redis and this program at the same time.
 */
export class RedisLink {
  readonly outage = new Outage()
  #client: Redis | undefined
  #wasReady = false
  #isReported = false
  /** The nodes that do not answer. A single server is one. */
  readonly #away = new Set<string>()

  constructor(
    private readonly url: URL,
    private readonly messages: Messages,
  ) {}

  /**
   * Resolves when connected: to a single server, or to the cluster that it is a node of. Rejects
   * with `RedisRefusedError` where no retry can help, and with `ConfigError` if the package is not
   * installed.
   */
  async connect(): Promise<Redis> {
    const { createClient, createCluster } = await clientPackage()
    for (;;) {
      const server = await this.#connectServer(createClient)
      if (!(await isNodeOfCluster(server))) return server
      server.destroy()
      const cluster = await this.#connectCluster(createCluster)
      if (cluster !== undefined) return cluster
      await firstValueFrom(timer(FIRST_DELAY_MS))
    }
  }

  async #connectServer(create: typeof createClient): Promise<Server> {
    const client = create({ url: this.url.href, ...this.#options }) as Server
    this.#client = client
    client.on('ready', () => this.#ready(this.url.host))
    client.on('error', (error: Error) => this.#failed(this.url.host, error))
    try {
      await client.connect()
    } catch (error) {
      throw refusalOf(error)
    }
    return client
  }

  /** `undefined`: the node went away before it had named the others. */
  async #connectCluster(create: typeof createCluster): Promise<Cluster | undefined> {
    const { username, password, protocol } = this.url
    const options = this.#options
    const cluster = create({
      rootNodes: [{ url: this.url.href }],
      defaults: {
        ...options,
        ...(username === '' ? {} : { username: decodeURIComponent(username) }),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        socket: { ...options.socket, ...(protocol === 'rediss:' ? { tls: true as const } : {}) },
      },
    }) as Cluster
    let refusal: unknown
    this.#client = cluster
    cluster.on('node-ready', ({ host, port }: NodeInfo) => this.#ready(`${host}:${port}`))
    // It is no master any more.
    cluster.on('node-disconnect', ({ host, port }: NodeInfo) => {
      if (cluster.isOpen) this.#ready(`${host}:${port}`)
    })
    cluster.on('node-error', (error: Error, { host, port }: NodeInfo) =>
      this.#failed(`${host}:${port}`, error),
    )
    cluster.on('error', (error: Error) => {
      if (isRefusal(error)) refusal = error
    })
    try {
      await cluster.connect()
      return cluster
    } catch {
      if (refusal !== undefined) throw refusalOf(refusal)
      return undefined
    }
  }

  get #options() {
    return {
      // A command that cannot be sent must fail: the sink decides what to send again.
      disableOfflineQueue: true,
      // The sink and the cursor store have their own deadlines; this would add a timer per command.
      commandOptions: { timeout: 0 },
      pingInterval: PING_EVERY_MS,
      socket: {
        socketTimeout: IDLE_TIMEOUT_MS,
        reconnectStrategy: (retries: number, cause: Error) => this.#next(retries, cause),
      },
    }
  }

  close(): void {
    if (this.#client?.isOpen) this.#client.destroy()
  }

  #next(retries: number, cause: Error): number | Error {
    // Later, a changed password may be changed back; at the start it is a mistake in the settings.
    if (!this.#wasReady && isRefusal(cause)) return cause
    return Math.min(2 ** retries * FIRST_DELAY_MS, LONGEST_DELAY_MS) * (0.5 + Math.random() / 2)
  }

  #ready(node: string): void {
    this.#away.delete(node)
    this.#wasReady = true
    if (this.#away.size > 0) return
    this.outage.update(false)
    if (this.#isReported) this.messages.info(`Redis is back at ${this.url.host}`)
    this.#isReported = false
  }

  /** Only the first failure in a row is a warning. */
  #failed(node: string, error: Error): void {
    this.#away.add(node)
    this.outage.update(true)
    // At the start it ends the run with its own message.
    if (!this.#wasReady && isRefusal(error)) return
    const what = isRefusal(error) ? 'refuses the connection' : 'is away'
    const text = `Redis at ${node} ${what}: ${messageOfError(error)}`
    if (this.#isReported) this.messages.detail(text)
    else this.messages.warn(`${text}; retrying until it is back`)
    this.#isReported = true
  }
}

/** Imported on demand: the package is optional, and no other command needs it. */
async function clientPackage(): Promise<ClientPackage> {
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
  const { originalError: cause = error as Error } = error as { readonly originalError?: Error }
  if (!isRefusal(cause)) return error
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

interface NodeInfo {
  readonly host: string
  readonly port: number
}

/**
 * A client of a cluster asks the same. A user without the right to ask can only use a single
 * server.
 */
async function isNodeOfCluster(client: Server): Promise<boolean> {
  const slots = await client.sendCommand(['CLUSTER', 'SLOTS']).catch(() => undefined)
  return Array.isArray(slots)
}

const codeOf = (error: Error): string => String((error as { readonly code?: unknown }).code)

/** Node's errors of several addresses have an empty message. */
const messageOfError = (error: Error): string => error.message || codeOf(error)
