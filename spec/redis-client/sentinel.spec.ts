import { createClientPool, createSentinel } from '@redis/client'
import { Redis } from 'ioredis'
import { ConfigError } from '../../src/errors.js'
import { redisCursorStore, redisStream$, toRedisStream } from '../../src/redis.js'
import { redisCommands } from '../../src/redis-client/commands.js'
import { type RedisFailover, redisFailover } from '../helpers/redis-failover.js'
import { describeRedis } from '../helpers/redis-server.js'
import { Feed, range } from '../sinks/feed.js'
import { numbers, sinkOf, upTo } from '../sinks/watched.js'
import { Collected, pendingIn, until, watched } from '../sources/redis/stream.js'
import type { OpenClient } from './clients.js'

// A failover takes some seconds, and more on a busy machine.
jest.setTimeout(120_000)

async function nodeRedis(port: number): Promise<OpenClient> {
  const client = createSentinel({
    name: 'main',
    sentinelRootNodes: [{ host: '127.0.0.1', port }],
    nodeClientOptions: { socket: { reconnectStrategy: 50 } },
  })
  await client.on('error', () => {}).connect()
  return { client, [Symbol.asyncDispose]: () => client.destroy() }
}

async function ioRedis(port: number): Promise<OpenClient> {
  const client = new Redis({
    name: 'main',
    sentinels: [{ host: '127.0.0.1', port }],
    lazyConnect: true,
    retryStrategy: () => 50,
    sentinelRetryStrategy: () => 50,
  })
  await client.on('error', () => {}).connect()
  return { client, [Symbol.asyncDispose]: async () => client.disconnect() }
}

describeRedis.each([
  ['@redis/client', nodeRedis],
  ['ioredis', ioRedis],
] as const)('a sentinel of %s', (_, connect) => {
  let redis: RedisFailover
  beforeEach(async () => {
    redis = await redisFailover()
  })
  afterEach(() => redis[Symbol.asyncDispose]())

  it('resolves a pipeline to the reply or error of each command, in order', async () => {
    await using opened = await connect(redis.sentinelPort)
    const commands = redisCommands(opened.client)
    const replies = await commands.pipeline([
      ['XADD', 'stream', '5-0', 'field', 'a'],
      ['XADD', 'stream', '4-0', 'field', 'b'],
      ['GET', 'stream'],
      ['XADD', 'stream', '6-0', 'field', 'c'],
    ])
    const refused = { code: 'REDIS_REFUSED' }
    expect(replies).toEqual([
      '5-0',
      expect.objectContaining(refused),
      expect.objectContaining({ reason: 'WRONGTYPE' }),
      '6-0',
    ])
    const reader = commands.duplicate()
    expect(await reader.send(['XLEN', 'stream'])).toBe(2)
    reader.close()
    expect(await commands.send(['PING'])).toBe('PONG')
    await opened[Symbol.asyncDispose]()
    await expect(commands.send(['PING'])).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reason: 'CLOSED',
    })
  })

  it.each(['position', 'redis'] as const)(
    'writes each event once over a failover, with ids: %s',
    async (ids) => {
      await using opened = await connect(redis.sentinelPort)
      const feed = new Feed(range(1, 500))
      using sink = sinkOf(opened, feed, { ids, timeoutMs: 1000 })
      await sink.emits(500)
      await redis.failOver()
      feed.emit(...range(501, 1000))
      feed.complete()
      await sink.done
      // What the replica lacked was written again.
      expect(await numbers(redis.replica)).toEqual(upTo(1000))
    },
  )

  it('reads on after a failover, and keeps a position over it', async () => {
    await using opened = await connect(redis.sentinelPort)
    const store = redisCursorStore(opened.client)
    await store.save('key', '7')
    await sinkOf(opened, new Feed(range(1, 100)).complete()).done
    const source = watched(opened.client, { stream: 'stream' })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 100)
    await until(async () => (await pendingIn(redis.replica, 'stream')) === 0)
    await redis.failOver()
    await sinkOf(opened, new Feed(range(101, 200)).complete(), { timeoutMs: 1000 }).done
    await seen.when(({ length }) => length >= 200)
    expect([...new Set(seen.items)]).toEqual(upTo(200))
    expect(await store.load('key')).toBe('7')
    await store.save('key', '8')
    expect(await redis.replica.cli('GET', 'cursor:key')).toBe('$1\r\n8')
    subscription.unsubscribe()
  })
})

describe('a pool', () => {
  it('is refused by its name at the call', () => {
    const client = createClientPool() as never
    const named =
      /`client` must not be a pool \(`createClientPool`\).*hand in a client \(`createClient`\)/
    for (const call of [
      () => redisCursorStore(client),
      () => toRedisStream({ client, stream: 's' }),
      () => redisStream$({ client, stream: 's', group: 'g', consumer: 'c' }),
    ]) {
      expect(call).toThrow(ConfigError)
      expect(call).toThrow(named)
    }
  })
})
