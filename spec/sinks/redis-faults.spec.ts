import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { faultProxy } from '../../src/testing/index.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients } from '../redis-client/clients.js'
import { cuttingProxy } from './cutting-proxy.js'
import { Feed, range } from './feed.js'
import { isWaiting, numbers, sinkOf, upTo } from './watched.js'

// Group F of the faults: what Redis and the way to it do to a sink. Each fault proves that it
// fired.
describeRedis.each(clients)('toRedisStream with %s', (_, connect) => {
  let server: RedisServer
  beforeEach(async () => {
    server = await redisServer()
  })
  afterEach(() => server[Symbol.asyncDispose]())

  describe.each(['position', 'redis'] as const)('and ids: %s', (ids) => {
    it.each([Number.POSITIVE_INFINITY, 100])(
      'writes once what was applied although its answer got lost, with maxLen %p',
      async (maxLen) => {
        await using proxy = await faultProxy({ target: server.port })
        await using opened = await connect(`redis://127.0.0.1:${proxy.port}`)
        const feed = new Feed(range(1, 500))
        using sink = sinkOf(opened, feed, { ids, maxLen, highWaterMark: Number.POSITIVE_INFINITY })
        await sink.emits(500)
        proxy.set({ resetAfterBytes: proxy.bytesDown + 1 })
        feed.emit(...range(501, 1000))
        await proxy.when(() => proxy.fired.includes('reset'))
        proxy.set({ resetAfterBytes: Number.POSITIVE_INFINITY })
        feed.complete()
        await sink.done
        expect(sink.metrics).toMatchObject({ written: 500, duplicates: 500, epochs: 0 })
        const all = await numbers(server)
        expect(all).toEqual(upTo(1000, 1001 - all.length))
        expect(await server.cli('XINFO', 'STREAM', 'stream')).toContain('entries-added\r\n:1000')
      },
    )

    it('writes once what Redis took while it hung, and pauses the source meanwhile', async () => {
      await using opened = await connect(server.url)
      const feed = new Feed(range(1, 500))
      using sink = sinkOf(opened, feed, {
        ids,
        timeoutMs: 300,
        capacity: 1000,
        highWaterMark: Number.POSITIVE_INFINITY,
      })
      await sink.emits(500)
      await server.cli('CONFIG', 'RESETSTAT')
      await server.freeze()
      feed.emit(...range(501, 20_000))
      await sink.when(isWaiting('TIMEOUT'))
      await sink.when(({ retries }) => retries >= 4)
      expect(feed.pauses).toBe(1)
      expect(sink.metrics.pending).toBeLessThan(3000)
      expect(feed.frontier).toBe(501)
      server.thaw()
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(20_000))
      // 39 batches: while Redis hung, no second copy of the first went into the client with each
      // attempt.
      expect(
        Number(/cmdstat_evalsha:calls=(\d+)/.exec(await server.cli('INFO', 'commandstats'))?.[1]),
      ).toBeLessThanOrEqual(41)
    })

    it('writes again what Redis lost with its last second', async () => {
      await using opened = await connect(server.url)
      const feed = new Feed(range(1, 500))
      using sink = sinkOf(opened, feed, { ids })
      await sink.emits(500)
      await server.cli('SAVE')
      feed.emit(...range(501, 1500))
      await sink.emits(1500)
      await server.kill()
      await server.start()
      expect(await numbers(server)).toEqual(upTo(500))
      feed.emit(...range(1501, 1600))
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(1600))
      expect(sink.metrics).toMatchObject({ rewritten: 1000, written: 1600, holes: 0 })
    })

    it('counts a hole where Redis lost more than is kept', async () => {
      await using opened = await connect(server.url)
      const feed = new Feed(range(1, 500))
      using sink = sinkOf(opened, feed, { ids, rewrite: 200 })
      await sink.emits(500)
      await server.kill()
      await server.start()
      feed.emit(...range(501, 510))
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(510, 301))
      expect(sink.metrics).toMatchObject({ rewritten: 200, holes: 1 })
    })

    it('finds nothing missing where what is kept reaches back far enough', async () => {
      await using opened = await connect(server.url)
      const feed = new Feed(range(1, 500))
      using sink = sinkOf(opened, feed, { ids, rewrite: 200 })
      await sink.emits(500)
      await server.cli('SAVE')
      feed.emit(...range(501, 600))
      await sink.emits(600)
      await server.kill()
      await server.start()
      feed.emit(...range(601, 610))
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(610))
      expect(sink.metrics).toMatchObject({ rewritten: 100, written: 610, duplicates: 0, holes: 0 })
    })

    it('waits while Redis is full, and moves no position', async () => {
      await using opened = await connect(server.url)
      await server.cli('CONFIG', 'SET', 'maxmemory', '1')
      const feed = new Feed(range(1, 2000))
      using sink = sinkOf(opened, feed, { ids })
      await sink.when(isWaiting('OOM'))
      await sink.when(({ retries }) => retries >= 3)
      expect([feed.frontier, sink.emitted.length]).toEqual([1, 0])
      await server.cli('CONFIG', 'SET', 'maxmemory', '0')
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(2000))
    })

    it('waits while Redis becomes full within a batch', async () => {
      await using opened = await connect(server.url)
      const feed = new Feed(range(1, 700))
      using sink = sinkOf(opened, feed, { ids })
      await sink.emits(700)
      await server.cli('CONFIG', 'SET', 'maxmemory', '1')
      feed.emit(...range(701, 1400))
      await sink.when(isWaiting('OOM'))
      expect(feed.frontier).toBe(701)
      await server.cli('CONFIG', 'SET', 'maxmemory', '0')
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(1400))
    })

    it('waits while Redis is read-only', async () => {
      await using opened = await connect(server.url)
      const feed = new Feed(range(1, 100))
      using sink = sinkOf(opened, feed, { ids })
      await sink.emits(100)
      await server.cli('REPLICAOF', '127.0.0.1', '1')
      feed.emit(...range(101, 200))
      await sink.when(isWaiting('READONLY'))
      expect(feed.frontier).toBe(101)
      await server.cli('REPLICAOF', 'NO', 'ONE')
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(200))
    })

    it('goes on when the connection ends within a batch', async () => {
      await using proxy = await cuttingProxy(server.port)
      await using opened = await connect(proxy.url)
      const feed = new Feed(range(1, 500))
      using sink = sinkOf(opened, feed, { ids })
      await sink.emits(500)
      for (const [cut, from] of [
        [1, 501],
        [2, 1001],
        [3, 1501],
      ] as const) {
        proxy.cutAfter(6000 * cut)
        feed.emit(...range(from, from + 499))
        await sink.emits(from + 499)
        expect(proxy.cuts).toBe(cut)
      }
      feed.complete()
      await sink.done
      expect(await numbers(server)).toEqual(upTo(2000))
      expect(sink.metrics).toMatchObject({ epochs: 0, duplicates: 0 })
    })
  })

  it('waits while Redis is loading, and at the start too', async () => {
    await using opened = await connect(server.url)
    await sinkOf(opened, new Feed(range(1, 2000)).complete()).done
    const keys = Array.from({ length: 500 }, (_, n) =>
      server.cli('SET', `key${n}`, 'x'.repeat(1000)),
    )
    await Promise.all(keys)
    await server.cli('SAVE')
    await server.stop()
    // So slowly that it is seen.
    await server.start(
      '--key-load-delay',
      '2000',
      '--loading-process-events-interval-bytes',
      '1024',
    )
    using sink = sinkOf(opened, new Feed(range(1500, 2500)).complete())
    await sink.when(isWaiting('LOADING'))
    await sink.done
    expect(await numbers(server)).toEqual(upTo(2500))
  })

  it('waits for a Redis that is unreachable, at the start too', async () => {
    await using opened = await connect(server.url)
    await server.kill()
    const feed = new Feed(range(1, 2000))
    using sink = sinkOf(opened, feed, { timeoutMs: 300 })
    await sink.when(isWaiting())
    expect(feed.frontier).toBe(1)
    await server.start()
    feed.complete()
    await sink.done
    expect(await numbers(server)).toEqual(upTo(2000))
  })

  it('sends nothing more to an unreachable Redis once it is unsubscribed', async () => {
    await using opened = await connect(server.url)
    await server.kill()
    const left = sinkOf(opened, new Feed(range(1, 10)), { timeoutMs: 300 })
    await left.when(isWaiting())
    left[Symbol.dispose]()
    const { retries } = left.metrics
    using other = sinkOf(opened, new Feed(range(1, 10)), { timeoutMs: 300 })
    await other.when((metrics) => metrics.retries >= 5)
    expect(left.metrics).toMatchObject({ retries, status: { state: 'closed' } })
  })

  it.each([
    ['WRONGTYPE', ['SET', 'stream', 'text']],
    ['NOPERM', ['ACL', 'SETUSER', 'default', '-evalsha', '-eval']],
    ['ERR', ['ACL', 'SETUSER', 'default', '-xadd']],
    ['NOPERM', ['ACL', 'SETUSER', 'default', 'resetkeys', '~other*']],
    ['NOPERM', ['ACL', 'SETUSER', 'default', '-xinfo|groups']],
  ] as const)('ends at once with %s after %p, before any event', async (reason, mistake) => {
    await using opened = await connect(server.url)
    await server.cli(...mistake)
    using sink = sinkOf(opened, new Feed())
    await expect(sink.done).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reason,
      retryable: false,
    })
  })

  it.each([
    ['ERR', ['ACL', 'SETUSER', 'default', '-sadd']],
    ['ERR', ['ACL', 'SETUSER', 'default', '-set']],
    ['WRONGTYPE', ['SET', '{stream}:written:1', 'text']],
  ] as const)(
    "ends at once with %s after %p, with Redis's ids, and leaves no entry without its name",
    async (reason, mistake) => {
      await using opened = await connect(server.url)
      await server.cli(...mistake)
      using sink = sinkOf(opened, new Feed(range(1, 10)), { ids: 'redis' })
      await expect(sink.done).rejects.toMatchObject({
        code: 'REDIS_REFUSED',
        reason,
        retryable: false,
      })
      expect(await server.cli('XLEN', 'stream')).toBe(':0')
    },
  )

  it('ends at once where the client is closed', async () => {
    const opened = await connect(server.url)
    await opened[Symbol.asyncDispose]()
    using sink = sinkOf(opened, new Feed())
    await expect(sink.done).rejects.toMatchObject({ code: 'REDIS_REFUSED', reason: 'CLOSED' })
  })

  it.each(['15-0', '99-0'])(
    'ends where another writer has added %s, and loses nothing',
    async (id) => {
      await using opened = await connect(server.url)
      const feed = new Feed(range(1, 10))
      using sink = sinkOf(opened, feed)
      await sink.emits(10)
      await server.cli('XADD', 'stream', id, 'event', '{"n":-1}')
      feed.emit(...range(11, 20))
      await expect(sink.done).rejects.toMatchObject({
        code: 'REDIS_CONFLICT',
        message: expect.stringContaining(id),
      })
      expect(feed.frontier).toBe(11)
      // A restart takes what is there for given.
      await sinkOf(opened, new Feed(range(11, 20)).complete()).done
      expect((await numbers(server)).filter((n) => n > 0)).toEqual(upTo(20))
    },
  )

  it('shares a stream with a second writer of the same events', async () => {
    await using opened = await connect(server.url)
    const [one, other] = [new Feed(range(1, 100)), new Feed(range(1, 300))]
    using first = sinkOf(opened, one)
    await first.emits(100)
    using second = sinkOf(opened, other)
    await second.emits(300)
    one.emit(...range(101, 400))
    await first.emits(400)
    expect(await numbers(server)).toEqual(upTo(400))
  })
})

describeRedis('toRedisStream with a client that did not log in', () => {
  // Both ask first how the server is, unless they are told not to.
  const silent = (url: string) => [
    createClient({ url, RESP: 2, disableClientInfo: true }).on('error', () => {}),
    new Redis(url, { enableReadyCheck: false }).on('error', () => {}),
  ]

  it('ends at once', async () => {
    await using server = await redisServer('--requirepass', 'secret')
    for (const client of silent(server.url)) {
      if ('isOpen' in client) await client.connect()
      using sink = sinkOf({ client }, new Feed(range(1, 3)))
      await expect(sink.done).rejects.toMatchObject({ code: 'REDIS_REFUSED', reason: 'NOAUTH' })
      expect(sink.feed.frontier).toBe(1)
      if ('isOpen' in client) client.destroy()
      else client.disconnect()
    }
  })
})
