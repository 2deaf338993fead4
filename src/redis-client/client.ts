/** Whether a value that a program passed as its client is one of {@link RedisClient}. */
export const isRedisClient = (value: unknown): value is RedisClient =>
  isObject(value) && 'duplicate' in value && ('sendCommand' in value || 'call' in value)

/** The message of a `ConfigError` about a value that {@link isRedisClient} refuses. */
export const clientIssue = (value: unknown): string =>
  isObject(value) && 'idleClients' in value ? NOT_A_POOL : NOT_A_CLIENT

const NOT_A_CLIENT = 'must be a client of `@redis/client` or `ioredis`'
const NOT_A_POOL = [
  'must not be a pool (`createClientPool`), which cannot be duplicated:',
  'hand in a client (`createClient`)',
].join(' ')

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Text, or a buffer. */
export type RedisArgument = string | Uint8Array

/** A command and its arguments, as on the wire: `['XADD', 'stream', '*', 'field', 'value']`. */
export type RedisCommand = [name: string, ...args: RedisArgument[]]

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

/** One connection to the master, while it is in use. */
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
 * The Redis client that you pass in: one of `@redis/client` or of `ioredis`. This library imports
 * neither.
 */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient

/** Sends commands to Redis, whatever the client. */
export interface RedisCommands {
  /**
   * Rejects with `RedisUnavailableError` or `RedisRefusedError`; after `deadlineMs` too, although
   * the command may still run. The deadline is ours: a client's own costs a timer for each command.
   * @default 5000
   */
  send(command: RedisCommand, deadlineMs?: number): Promise<unknown>
  /**
   * Sends the commands in one write. Resolves to the reply or error of each, in order; rejects only
   * at the deadline. A command that fails does not stop the next ones: use a script for what must
   * be applied together.
   */
  pipeline(commands: readonly RedisCommand[], deadlineMs?: number): Promise<readonly unknown[]>
  /** Opens another connection, for blocking reads. */
  duplicate(): RedisConnection
}

/** A connection that is ours to close. */
export interface RedisConnection extends RedisCommands {
  /** Rejects the commands that wait for a reply. */
  close(): void
}
