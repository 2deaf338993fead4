import { describeRedis, redisServer } from '../helpers/redis-server.js'
import { clients } from '../redis-client/clients.js'
import { Collected, watched } from '../sources/redis/stream.js'
import { Feed, type Placed, range, small } from './feed.js'
import { isWaiting, numbers, sinkOf, upTo } from './watched.js'

/** Of a kilobyte each. */
const large = (from: number, to: number): readonly Placed[] =>
  range(from, to).map((placed) => ({
    ...placed,
    event: { ...small(placed.position), pad: 'x'.repeat(1000) },
  }))

const EVICTING = ['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru']

describeRedis.each(clients)('with a Redis that evicts, and %s,', (_, connect) => {
  it.each(['position', 'redis'] as const)(
    'toRedisStream waits with its reason, and does not rewrite for ever, with ids: %s',
    async (ids) => {
      await using server = await redisServer(...EVICTING)
      await using opened = await connect(server.url)
      const warnings = new Collected<string>()
      const feed = new Feed(large(1, 8000))
      using sink = sinkOf(opened, feed, { ids, log: { warn: warnings.add } })
      await sink.when(isWaiting('LOST'))
      expect(
        Number(/evicted_keys:(\d+)/.exec(await server.cli('INFO', 'stats'))?.[1]),
      ).toBeGreaterThan(0)
      // Each attempt is further from the one before.
      const { rewritten } = await sink.when(
        (metrics) => isWaiting('LOST')(metrics) && metrics.retries >= 5,
      )
      expect(rewritten).toBeLessThan(8 * 8000)
      expect(sink.metrics.status).toMatchObject({
        attempt: expect.any(Number),
        reason: {
          code: 'REDIS_UNAVAILABLE',
          retryable: true,
          message: expect.stringMatching(/lost `stream` \d+ times.*noeviction/),
        },
      })
      expect(feed.frontier).toBeLessThan(8000)
      expect(warnings.items).toEqual([
        expect.stringMatching(/may delete `stream` .*allkeys-lru.*: set noeviction/),
      ])
      await server.cli('CONFIG', 'SET', 'maxmemory', '0')
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(8000))
    },
    20_000,
  )

  it.each([
    ['allkeys-lfu', undefined, 1],
    ['volatile-ttl', undefined, 0],
    ['volatile-ttl', 2, 1],
    ['noeviction', 2, 0],
  ] as const)(
    'redisStream$ under %s, with partitions: %p, warns %i times',
    async (policy, partitions, times) => {
      await using server = await redisServer('--maxmemory', '100mb', '--maxmemory-policy', policy)
      await using opened = await connect(server.url)
      const warnings = new Collected<string>()
      const source = watched(opened.client, { partitions, log: { warn: warnings.add } })
      const subscription = source.events$.subscribe()
      await source.when(({ connection }) => connection.state === 'open')
      if (times > 0) await warnings.when(({ length }) => length === times)
      subscription.unsubscribe()
      await source.when(({ connection }) => connection.state === 'closed')
      expect(warnings.items).toEqual(
        Array.from({ length: times }, () => expect.stringContaining(policy)),
      )
    },
  )

  it('neither warns where a policy has no limit to keep', async () => {
    await using server = await redisServer('--maxmemory-policy', 'allkeys-lru')
    await using opened = await connect(server.url)
    const warnings = new Collected<string>()
    const log = { warn: warnings.add }
    await sinkOf(opened, new Feed(range(1, 10)).complete(), { log }).done
    const source = watched(opened.client, { stream: 'stream', log })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 10)
    subscription.unsubscribe()
    await source.when(({ connection }) => connection.state === 'closed')
    expect(warnings.items).toEqual([])
  })
})
