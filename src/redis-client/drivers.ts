import type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisArgument,
  RedisClient,
  RedisCommand,
} from './client.js'
import { type ClientState, redisError } from './failure.js'

/** What differs from one kind of client to the next. */
export interface Driver extends ClientState {
  send(command: RedisCommand): Promise<unknown>
  /**
   * Resolves to the reply of each, or to the error as {@link redisError} gives it. A client's own
   * cannot be told from a reply: `instanceof` fails for an error of another realm.
   */
  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]>
  duplicate(): Driver
  close(): void
}

export function driverOf(client: RedisClient): Driver {
  listen(client)
  if ('call' in client) return new IoRedisDriver(client)
  if ('nodeByAddress' in client) return new NodeRedisClusterDriver(client)
  return 'getSentinelNode' in client
    ? new NodeRedisSentinelDriver(client)
    : new NodeRedisDriver(client)
}

const withListener = new WeakSet<RedisClient>()

/** An `error` event without a listener ends the process. Each command rejects by itself. */
function listen(client: RedisClient): void {
  if (withListener.has(client)) return
  withListener.add(client)
  client.on('error', () => {})
}

// By default @redis/client 6 makes an AbortSignal for each command, which costs a quarter of its
// throughput.
const NO_TIMER = { timeout: 0 }

/** Sends the commands of one tick in one write. */
class NodeRedisDriver implements Driver {
  readonly isCluster = false

  constructor(private readonly client: NodeRedisClient) {}

  get closed(): boolean {
    return !this.client.isOpen
  }

  send(command: RedisCommand): Promise<unknown> {
    return this.client.sendCommand(argumentsOf(command), NO_TIMER)
  }

  /**
   * As one chain: if the connection ends within it, the rest is not sent on the next connection.
   * `execAsPipeline` would report only the first error.
   */
  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    const options = { timeout: 0, chainId: Symbol('pipeline') }
    return Promise.all(
      commands.map((command) =>
        this.client.sendCommand(argumentsOf(command), options).catch(asReply(this)),
      ),
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
    return this.client.sendCommand(keyOf(command), false, argumentsOf(command), NO_TIMER)
  }

  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    return Promise.all(commands.map((command) => this.send(command).catch(asReply(this))))
  }

  duplicate(): Driver {
    return openedCopy(this.client, (copy) => new NodeRedisClusterDriver(copy))
  }

  close(): void {
    if (this.client.isOpen) this.client.destroy()
  }
}

/** A sentinel resends a command to the next master when the connection ends. */
class NodeRedisSentinelDriver implements Driver {
  readonly isCluster = false

  constructor(private readonly client: NodeRedisSentinel) {}

  get closed(): boolean {
    return !this.client.isOpen
  }

  send(command: RedisCommand): Promise<unknown> {
    return this.client.sendCommand(false, argumentsOf(command), NO_TIMER)
  }

  /** Over one connection: commands on several have no order. */
  pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    const options = { timeout: 0, chainId: Symbol('pipeline') }
    return this.client.use((lease) =>
      Promise.all(
        commands.map((command) =>
          lease.sendCommand(false, argumentsOf(command), options).catch(asReply(this)),
        ),
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

/** Commands queue in the copy until it is connected, and reject if it cannot be. */
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
    return this.client.call(name, argumentsOf(args))
  }

  /** In a cluster, the keys of a pipeline must lie on one node. */
  async pipeline(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    if (this.client.isCluster)
      return Promise.all(commands.map((command) => this.send(command).catch(asReply(this))))
    const replies = await this.client
      .pipeline(commands.map((command) => ['call', ...command]))
      .exec()
    return (replies ?? []).map(([error, reply]) => (error ? redisError(error, this) : reply))
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

/**
 * All clients take buffers too. The contracts of `client.ts` are public, and say only text: they
 * need no types of Node then.
 */
const argumentsOf = (args: readonly RedisArgument[]): string[] => args as string[]

const asReply =
  (client: ClientState) =>
  (error: unknown): unknown =>
    redisError(error, client)

/** The key by which a cluster finds the node for one of this library's commands. */
function keyOf(command: RedisCommand): string | undefined {
  const [name, ...args] = argumentsOf(command)
  switch (name) {
    case 'PING':
    case 'INFO':
    case 'TIME':
      return undefined
    case 'EVAL':
    case 'EVALSHA':
      return args[1] === '0' ? undefined : args[2]
    case 'XINFO':
    case 'XGROUP':
      return args[1]
    case 'XREAD':
    case 'XREADGROUP':
      return args[args.indexOf('STREAMS') + 1]
    default:
      return args[0]
  }
}
