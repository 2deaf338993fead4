import { describeOverClients } from '../redis-client/over-clients.js'
import { Feed, type Placed, range, small } from './feed.js'
import { entries, numbers, sinkOf, upTo } from './watched.js'

describeOverClients('toRedisStream with %s', (redis) => {
  const read = (group: string, count: number) =>
    redis.server.cli(
      'XREADGROUP',
      'GROUP',
      group,
      'me',
      'COUNT',
      `${count}`,
      'NOACK',
      'STREAMS',
      'stream',
      '>',
    )

  it('pauses at the high-water mark and throws nothing away', async () => {
    await redis.server.cli('XGROUP', 'CREATE', 'stream', 'fast', '0', 'MKSTREAM')
    await redis.server.cli('XGROUP', 'CREATE', 'stream', 'slow', '0')
    const feed = new Feed(range(1, 3000))
    using sink = sinkOf(redis, feed, { highWaterMark: 300, size: 100, capacity: 200 })
    let written = 300
    for (let round = 0; round < 3; round += 1) {
      await sink.emits(written)
      await sink.when(({ status, unread }) => status.state === 'high-water' && unread === 300)
      expect(await redis.server.cli('XLEN', 'stream')).toBe(`:${written}`)
      // Nothing that is not written is passed, and the source stands still.
      expect(feed.frontier).toBe(written + 1)
      expect(feed.ledger.delivered).toBeLessThan(written + 600)
      await read('fast', 1000)
      await read('slow', 200)
      written += 200
    }
    expect(feed.pauses).toBeGreaterThan(0)
    await redis.server.cli('XGROUP', 'DESTROY', 'stream', 'slow')
    const draining = setInterval(() => void read('fast', 1000), 10)
    feed.complete()
    await sink.done
    clearInterval(draining)
    expect(await numbers(redis.server)).toEqual(upTo(3000))
    expect(sink.emitted).toEqual(upTo(3000))
  })

  it('counts the stream while it has no group, and a group that Redis cannot count', async () => {
    const feed = new Feed(range(1, 400))
    using sink = sinkOf(redis, feed, { highWaterMark: 100, size: 50 })
    await sink.when(({ status }) => status.state === 'high-water')
    expect(sink.metrics.unread).toBe(100)
    // A group in the middle of a stream with a hole: Redis 7 says that it does not know how far
    // behind that is.
    await redis.server.cli('XDEL', 'stream', '60-0')
    await redis.server.cli('XGROUP', 'CREATE', 'stream', 'group', '50-0')
    expect(await redis.server.cli('XINFO', 'GROUPS', 'stream')).toMatch(/lag\r\n\$-1$/)
    await sink.emits(200)
    // 49 were behind it, and two batches found room.
    await sink.when(({ status, unread }) => status.state === 'high-water' && unread === 149)
  })

  it('does not wait for entries that were trimmed before a group had read them', async () => {
    await redis.server.cli('XGROUP', 'CREATE', 'stream', 'group', '0', 'MKSTREAM')
    using sink = sinkOf(redis, new Feed(range(1, 2000)), { highWaterMark: 600, size: 100 })
    await sink.emits(600)
    await read('group', 10)
    await redis.server.cli('XTRIM', 'stream', 'MAXLEN', '50')
    await sink.emits(1100)
    // It waits again, for what is there, and sees that some is read.
    await sink.when(({ status, unread }) => status.state === 'high-water' && unread === 650)
    await read('group', 50)
    await sink.when(({ status, unread }) => status.state === 'high-water' && unread === 600)
    // Redis 7 counts those that the group never saw as unread for ever.
    await read('group', 600)
    expect(await redis.server.cli('XINFO', 'GROUPS', 'stream')).toMatch(/lag\r\n:540$/)
    await sink.emits(1800)
    expect(await numbers(redis.server)).toEqual(upTo(1800, 551))
  })

  it('writes each of the events that share a position once, cut anywhere', async () => {
    const placed = [1, 300, 7, 2, 90].flatMap((size, group) =>
      Array.from(
        { length: size },
        (_, index): Placed => ({ event: small(group * 1000 + index), position: 10 + group, index }),
      ),
    )
    const all = placed.map(({ event }) => event.n)
    for (let from = 0, to = 37; from < all.length; from = Math.max(0, to - 20), to += 37) {
      await sinkOf(redis, new Feed(placed.slice(from, to)).complete(), { size: 13 }).done
      if (to >= all.length) break
    }
    expect(await numbers(redis.server)).toEqual(all)
  })

  it('takes no event for a duplicate when positions are used again', async () => {
    await sinkOf(redis, new Feed(range(1, 100)).complete()).done
    const renumbered = (from: number, to: number): readonly Placed[] =>
      range(from, to).map(({ event: { n }, position, index }) => ({
        event: small(n + 1000),
        position,
        index,
      }))
    using sink = sinkOf(redis, new Feed([...range(90, 110), ...renumbered(60, 130)]).complete(), {
      size: 10,
    })
    await sink.done
    const expected = [...upTo(110), ...upTo(1130, 1060)]
    expect(await numbers(redis.server)).toEqual(expected)
    expect(sink.metrics).toMatchObject({ epochs: 1, duplicates: 11, written: 10 + 71 })
    expect((await entries(redis.server)).at(-1)?.id).toBe(`${2n ** 53n + 130n}-0`)
    // The next program goes on in the epoch that it finds.
    using again = sinkOf(redis, new Feed(renumbered(100, 140)).complete())
    await again.done
    expect(await numbers(redis.server)).toEqual([...expected, ...upTo(1140, 1131)])
    expect(again.metrics).toMatchObject({ epochs: 0, duplicates: 31 })
  })

  it('goes on in a stream that other writers began, whatever their ids', async () => {
    await redis.server.cli('XADD', 'stream', '*', 'event', '{"n":0}')
    using sink = sinkOf(redis, new Feed(range(1, 10)).complete())
    await sink.done
    using again = sinkOf(redis, new Feed(range(5, 20)).complete())
    await again.done
    expect(await numbers(redis.server)).toEqual([0, ...upTo(20)])
    expect([sink.metrics.epochs, again.metrics.epochs]).toEqual([1, 0])
  })

  it('ends with a conflict when there are no ids left', async () => {
    await redis.server.cli('XADD', 'stream', `${2n ** 64n - 1n}-0`, 'event', '{"n":0}')
    const feed = new Feed(range(1, 10))
    await expect(sinkOf(redis, feed).done).rejects.toMatchObject({
      code: 'REDIS_CONFLICT',
      message: expect.stringMatching(/no ids left/),
    })
    expect(feed.frontier).toBe(1)
  })

  it('lets hosts and writers share a stream with ids of Redis, each event once', async () => {
    const feeds = [
      new Feed(range(1, 500), 'wss://a.test'),
      new Feed(range(1, 500), 'wss://b.test'),
      new Feed(range(1, 700), 'wss://a.test'),
    ]
    await Promise.all(
      feeds.map((feed) => sinkOf(redis, feed.complete(), { ids: 'redis', size: 50 }).done),
    )
    const found = [...(await numbers(redis.server))].sort((a, b) => a - b)
    expect(found).toEqual([...upTo(500), ...upTo(700)].sort((a, b) => a - b))
    await sinkOf(redis, new Feed(range(1, 700), 'wss://a.test').complete(), { ids: 'redis' }).done
    expect(await redis.server.cli('XLEN', 'stream')).toBe(':1200')
  })
})
