import { from, lastValueFrom, timeout } from 'rxjs'
import { RedisUnavailableError } from '../errors.js'
import { type ClientState, redisError } from './failure.js'
import { keyOf } from './key-of.js'

/** Whether something that a program handed in can be spoken to. */
export const isRedisClient = (value: unknown): value is RedisClient =>
  isObject(value) && 'duplicate' in value && ('sendCommand' in value || 'call' in value)

/**
 * What is wrong with something that {@link isRedisClient} refuses, as the message of a
 * `ConfigError`.
 */
export const clientIssue = (value: unknown): string =>
  isObject(value) && 'idleClients' in value
    ? 'must not be a pool (`createClientPool`), which cannot be duplicated: hand in a client (`createClient`)'
    : 'must be a client of `@redis/client` or `ioredis`'

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A command and its arguments, as on the wire: `['XADD', 'stream', '*', 'field', 'value']`. */
export type RedisCommand = [name: string, ...args: string[]]

/** What this library uses of a client of `@redis/client` (or `redis`). */
export interface NodeRedisClient {
  readonly isOpen: boolean
  sendCommand(
    args: string[],
    options?: { readonly timeout?: number; readonly chainId?: symbol },
  ): Promise<unknown>
  duplicate(): NodeRedisClient
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** What this library uses of a cluster of `@redis/client`. */
export interface NodeRedisCluster {
  readonly isOpen: boolean
  readonly nodeByAddress: object
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: string[],
    options?: { readonly timeout?: number },
  ): Promise<unknown>
  duplicate(): NodeRedisCluster
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * What this library uses of a sentinel of `@redis/client`, which follows the master through
 * failovers.
 */
export interface NodeRedisSentinel extends NodeRedisSentinelLease {
  readonly isOpen: boolean
  getSentinelNode(): unknown
  use<T>(work: (lease: NodeRedisSentinelLease) => Promise<T>): Promise<T>
  duplicate(): NodeRedisSentinel
  connect(): Promise<unknown>
  destroy(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** One connection to the master, for as long as it is used. */
export interface NodeRedisSentinelLease {
  sendCommand(
    isReadonly: boolean | undefined,
    args: string[],
    options?: { readonly timeout?: number; readonly chainId?: symbol },
  ): Promise<unknown>
}

/** What this library uses of an `ioredis` instance, or of its cluster. */
export interface IoRedisClient {
  readonly status: string
  readonly isCluster: boolean
  call(command: string, args: string[]): Promise<unknown>
  pipeline(commands: unknown[][]): {
    exec(): Promise<[error: Error | null, result: unknown][] | null>
  }
  duplicate(): IoRedisClient
  disconnect(): void
  on(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * The client of Redis that you hand in: `@redis/client` and `ioredis` both serve, neither is
 * imported here.
 */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient

/** One way to speak to Redis, whatever the client. */
export interface RedisCommands {
  /**
   * Rejects with `RedisUnavailableError` or `RedisRefusedError`. After `deadlineMs` it rejects as
   * well, and the command may run all the same. `deadlineMs` is ours, since a client's own deadline
   * costs a timer for each command. @default 5000
   */
  send(command: RedisCommand, deadlineMs?: number): Promise<unknown>
  /**
   * Sends the commands in one write, and answers with the reply or the error of each, in order;
   * rejects only at the deadline. Those that fail do not stop those behind them: what must be
   * applied together is one script.
   */
  pipeline(commands: readonly RedisCommand[], deadlineMs?: number): Promise<readonly unknown[]>
  /** Opens a connection of its own, for reads that block. */
  duplicate(): RedisConnection
}

/** A connection that is ours to close. */
export interface RedisConnection extends RedisCommands {
  close(): void
}

/**
 * How long a command may take: long enough for a slow script, short enough to notice a Redis that
 * hangs.
 */
export const DEADLINE_MS = 5000

/** What differs between clients. */
interface Driver extends ClientState {
  send(command: RedisCommand): Promise<unknown>
  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]>
  duplicate(): Driver
  close(): void
}

/** Speaks to Redis through the client. */
export const redisCommands = (client: RedisClient): RedisCommands =>
  new DriverCommands(driverOf(client))

class DriverCommands implements RedisConnection {
  constructor(private readonly driver: Driver) {}

  send(command: RedisCommand, deadlineMs = DEADLINE_MS): Promise<unknown> {
    return within(
      deadlineMs,
      this.driver.send(command).catch((error: unknown) => {
        throw redisError(error, this.driver)
      }),
    )
  }

  pipeline(
    commands: readonly RedisCommand[],
    deadlineMs = DEADLINE_MS,
  ): Promise<readonly unknown[]> {
    const typed = (reply: unknown): unknown =>
      reply instanceof Error ? redisError(reply, this.driver) : reply
    return within(
      deadlineMs,
      this.driver.pipeline(commands).then(
        (replies) => replies.map(typed),
        (error: unknown) => {
          throw redisError(error, this.driver)
        },
      ),
    )
  }

  duplicate(): RedisConnection {
    return new DriverCommands(this.driver.duplicate())
  }

  close(): void {
    this.driver.close()
  }
}

const within = <T>(deadlineMs: number, reply: Promise<T>): Promise<T> =>
  lastValueFrom(
    from(reply).pipe(
      timeout({ first: deadlineMs, with: () => Promise.reject(lateError(deadlineMs)) }),
    ),
  )

const lateError = (deadlineMs: number) =>
  new RedisUnavailableError(`Redis did not answer within ${deadlineMs} ms`, 'TIMEOUT')

function driverOf(client: RedisClient): Driver {
  listen(client)
  if ('call' in client) return new IoRedisDriver(client)
  if ('nodeByAddress' in client) return new NodeRedisClusterDriver(client)
  return 'getSentinelNode' in client
    ? new NodeRedisSentinelDriver(client)
    : new NodeRedisDriver(client)
}

const heard = new WeakSet<RedisClient>()

/**
 * An `error` event that nobody listens to ends the process, while each command says by itself what
 * became of it.
 */
function listen(client: RedisClient): void {
  if (heard.has(client)) return
  heard.add(client)
  client.on('error', () => {})
}

// The default of @redis/client 6 is an AbortSignal for each command, at three quarters of its
// speed.
const NO_TIMER = { timeout: 0 }

/** Commands of one tick leave in one write. */
class NodeRedisDriver implements Driver {
  readonly isCluster = false

  constructor(private readonly client: NodeRedisClient) {}

  get closed(): boolean {
    return !this.client.isOpen
  }

  send(command: RedisCommand): Promise<unknown> {
    return this.client.sendCommand(command, NO_TIMER)
  }

  /**
   * As one chain: where the connection ends in its midst the rest is not sent on the next one.
   * `execAsPipeline` would tell the first error only.
   */
  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    const options = { timeout: 0, chainId: Symbol('pipeline') }
    return Promise.all(
      commands.map((command) => this.client.sendCommand(command, options).catch(asReply)),
    )
  }

  duplicate(): Driver {
    return openedCopy(this.client, (copy) => new NodeRedisDriver(copy))
  }

  close(): void {
    if (this.client.isOpen) this.client.destroy()
  }
}

class NodeRedisClusterDriver implements Driver {
  readonly isCluster = true

  constructor(private readonly client: NodeRedisCluster) {}

  get closed(): boolean {
    return !this.client.isOpen
  }

  send(command: RedisCommand): Promise<unknown> {
    return this.client.sendCommand(keyOf(command), false, command, NO_TIMER)
  }

  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    return Promise.all(commands.map((command) => this.send(command).catch(asReply)))
  }

  duplicate(): Driver {
    return openedCopy(this.client, (copy) => new NodeRedisClusterDriver(copy))
  }

  close(): void {
    if (this.client.isOpen) this.client.destroy()
  }
}

/**
 * A sentinel sends a command again by itself, to the next master, when the connection ends under
 * it.
 */
class NodeRedisSentinelDriver implements Driver {
  readonly isCluster = false

  constructor(private readonly client: NodeRedisSentinel) {}

  get closed(): boolean {
    return !this.client.isOpen
  }

  send(command: RedisCommand): Promise<unknown> {
    return this.client.sendCommand(false, command, NO_TIMER)
  }

  /** Over one connection: those of several have no order. */
  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    const options = { timeout: 0, chainId: Symbol('pipeline') }
    return this.client.use((lease) =>
      Promise.all(
        commands.map((command) => lease.sendCommand(false, command, options).catch(asReply)),
      ),
    )
  }

  duplicate(): Driver {
    return openedCopy(this.client, (copy) => new NodeRedisSentinelDriver(copy))
  }

  close(): void {
    if (this.client.isOpen) this.client.destroy().catch(() => {})
  }
}

/** Commands wait in the copy until it is connected. What hinders it, they say themselves. */
function openedCopy<Client extends NodeRedisClient | NodeRedisCluster | NodeRedisSentinel>(
  client: Client,
  drive: (copy: Client) => Driver,
): Driver {
  const copy = client.duplicate() as Client
  listen(copy)
  copy.connect().catch(() => {})
  return drive(copy)
}

class IoRedisDriver implements Driver {
  constructor(private readonly client: IoRedisClient) {}

  get closed(): boolean {
    return this.client.status === 'end'
  }

  get isCluster(): boolean {
    return this.client.isCluster
  }

  send([name, ...args]: RedisCommand): Promise<unknown> {
    return this.client.call(name, args)
  }

  /** A pipeline of a cluster may have keys of one node only. */
  async pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    if (this.client.isCluster)
      return Promise.all(commands.map((command) => this.send(command).catch(asReply)))
    const replies = await this.client
      .pipeline(commands.map((command) => ['call', ...command]))
      .exec()
    return (replies ?? []).map(([error, reply]) => error ?? reply)
  }

  duplicate(): Driver {
    const copy = this.client.duplicate()
    listen(copy)
    return new IoRedisDriver(copy)
  }

  close(): void {
    this.client.disconnect()
  }
}

const asReply = (error: unknown): unknown => error
