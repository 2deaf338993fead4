import { redisCursorStore } from '../../src/redis.js'
import { type RedisFailover, redisFailover } from '../helpers/redis-failover.js'
import { describeRedis } from '../helpers/redis-server.js'
import { Feed, range } from '../sinks/feed.js'
import { numbers, sinkOf, upTo } from '../sinks/watched.js'
import { Collected, pendingIn, until, watched } from '../sources/redis/stream.js'
import { connect, LIBRARIES } from './connect.js'

// A failover takes some seconds, and more on a busy machine.
jest.setTimeout(120_000)

describeRedis.each(LIBRARIES)('a sentinel of %s', (library) => {
  let redis: RedisFailover
  beforeEach(async () => {
    redis = await redisFailover()
  })
  afterEach(() => redis[Symbol.asyncDispose]())

  it.each(['position', 'redis'] as const)(
    'writes each event once over a failover, with ids: %s',
    async (ids) => {
      await using opened = await connect(library, { kind: 'sentinel', port: redis.sentinelPort })
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
    await using opened = await connect(library, { kind: 'sentinel', port: redis.sentinelPort })
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
