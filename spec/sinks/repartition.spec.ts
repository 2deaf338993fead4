import { ConfigError } from '../../src/errors.js'
import { hold } from '../../src/index.js'
import { type RedisClient, repartition } from '../../src/redis.js'
import { describeOverClients } from '../redis-client/over-clients.js'
import { Collected, watched } from '../sources/redis/stream.js'
import { Feed, range } from './feed.js'
import { numbers, sinkOf, upTo } from './watched.js'

describeOverClients('repartition over %s', (redis) => {
  const read = (partitions: number) => {
    const source = watched(redis.client, { stream: 'stream', partitions, leaseMs: 1500 })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    return { seen, [Symbol.dispose]: () => subscription.unsubscribe() }
  }
  const feedOn = (feed: Feed): Disposable => {
    const feeding = setInterval(() => feed.emit(...range(feed.next, feed.next + 9)), 5)
    return { [Symbol.dispose]: () => clearInterval(feeding) }
  }
  const byDid = (all: readonly number[]) =>
    upTo(6, 0).map((did) => all.filter((n) => n % 7 === did))
  const allIn = async (partitions: number): Promise<readonly number[]> => {
    const streams = upTo(partitions - 1, 0).map((n) => `stream{${n}}`)
    return (await Promise.all(streams.map((stream) => numbers(redis.server, stream)))).flat()
  }
  /** Writes while two partitions are changed to these numbers, in turn. Returns how many. */
  const writtenOver = async ({ seen }: ReturnType<typeof read>, ...numbers: readonly number[]) => {
    const feed = new Feed(range(1, 100))
    using sink = sinkOf(redis, feed, { partitions: 2 })
    await sink.emits(100)
    using feeding = feedOn(feed)
    let from = 2
    for (const to of numbers) {
      await repartition(redis.client, { stream: 'stream', from, to })
      from = to
    }
    feeding[Symbol.dispose]()
    feed.complete()
    await sink.done
    const written = feed.next - 1
    await seen.when(({ length }) => length === written)
    return written
  }

  it.each([
    [2, 5],
    [5, 2],
  ])('changes %i partitions to %i, and keeps the order of each DID', async (from, to) => {
    const feed = new Feed(range(1, 200))
    using sink = sinkOf(redis, feed, { partitions: from, size: 20 })
    await sink.emits(200)
    using reader = read(from)
    await reader.seen.when(({ length }) => length >= 50)
    using feeding = feedOn(feed)
    await repartition(redis.client, { stream: 'stream', from, to })
    const at = feed.next
    await sink.emits(at + 200)
    feeding[Symbol.dispose]()
    feed.complete()
    await sink.done
    const last = feed.next - 1
    await reader.seen.when(({ length }) => length === last)
    expect(byDid(reader.seen.items)).toEqual(byDid(upTo(last)))
    expect([...(await allIn(5))].sort((a, b) => a - b)).toEqual(upTo(last))
    // What was written last is where the new number says, and only there.
    const lasts = await Promise.all(upTo(4, 0).map((n) => numbers(redis.server, `stream{${n}}`)))
    const used = lasts.filter((all) => all.some((n) => n > at + 100)).length
    expect(used > 2).toBe(to > from)
  })

  it('recognises what was written by the number before, when a restart repeats it', async () => {
    using reader = read(2)
    const written = await writtenOver(reader, 5)
    // It still has the number of before in its config.
    const log = new Collected<string>()
    const again = sinkOf(redis, new Feed(range(51, written + 40)).complete(), {
      partitions: 2,
      log: { warn: log.add },
    })
    await again.done
    expect(again.metrics).toMatchObject({ duplicates: written - 50, written: 40, epochs: 0 })
    expect([...(await allIn(5))].sort((a, b) => a - b)).toEqual(upTo(written + 40))
    expect(log.items).toEqual([
      expect.stringMatching(/has 5 partitions since it was changed, not 2/),
    ])
    await reader.seen.when(({ length }) => length === written + 40)
    expect(byDid(reader.seen.items)).toEqual(byDid(upTo(written + 40)))
  })

  it('recognises what was written by any number before, after a second change', async () => {
    using reader = read(2)
    const written = await writtenOver(reader, 5, 3)
    const again = sinkOf(redis, new Feed(range(51, written + 40)).complete(), { partitions: 3 })
    await again.done
    expect(again.metrics).toMatchObject({ duplicates: written - 50, written: 40 })
    expect([...(await allIn(5))].sort((a, b) => a - b)).toEqual(upTo(written + 40))
    await reader.seen.when(({ length }) => length === written + 40)
    expect(byDid(reader.seen.items)).toEqual(byDid(upTo(written + 40)))
  })

  it('waits for what a consumer works on, and writes nothing meanwhile', async () => {
    const feed = new Feed(range(1, 50))
    using sink = sinkOf(redis, feed, { partitions: 2 })
    await sink.emits(50)
    const source = watched(redis.client, { stream: 'stream', partitions: 2, leaseMs: 1500 })
    const seen = new Collected<number>()
    let release: (() => void) | undefined
    const subscription = source.events$.subscribe(({ n }) => {
      if (n === 50) release = hold()
      seen.add(n)
    })
    await seen.when(({ length }) => length === 50)
    using _feeding = feedOn(feed)
    const changed = repartition(redis.client, { stream: 'stream', from: 2, to: 5 })
    await sink.when(({ status }) => status.state === 'high-water')
    const { written } = sink.metrics
    // It has looked again, and again.
    const looks = sink.snapshots.length + 5
    await sink.when(() => sink.snapshots.length > looks)
    expect(sink.metrics.written).toBe(written)
    expect(await redis.server.cli('GET', '{stream}:partitions')).toContain('{"count":2,"next":5}')
    release?.()
    await changed
    await sink.emits(written + 50)
    subscription.unsubscribe()
  })

  it('changes nothing where no writer answers, or the number is another one', async () => {
    const change = { stream: 'stream', from: 2, to: 5 }
    await expect(repartition(redis.client, { ...change, timeoutMs: 300 })).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      reason: 'TIMEOUT',
    })
    expect(await redis.server.cli('GET', '{stream}:partitions')).toContain('{"count":2}')
    await expect(repartition(redis.client, { ...change, from: 3 })).rejects.toMatchObject({
      code: 'REDIS_CONFLICT',
      message: '`stream` has 2 partitions, and not 3',
    })
    await redis.server.cli('SET', '{stream}:partitions', '{"count":2,"next":7}')
    await expect(repartition(redis.client, change)).rejects.toMatchObject({
      message: '`stream` is being changed to 7 partitions',
    })
    await redis.server.cli('SET', '{stream}:partitions', '{"count":5}')
    await repartition(redis.client, change)
  })

  it('names every mistake at the call', async () => {
    const change = { stream: '', from: 0, to: 1.5 }
    const refused = repartition(redis.client, change)
    await expect(refused).rejects.toThrow(ConfigError)
    await expect(refused).rejects.toThrow(/`stream`.*`from`.*`to`/s)
  })
})

describe('repartition that is late', () => {
  /** A Redis that does all at once, and whose answer to a script takes so long. */
  const slowAnswers = (ms: number) => {
    let layout: string | null = null
    const call = async (name: string, [, , , before, after = '']: readonly string[]) => {
      if (name === 'GET') return layout
      const holds = (layout ?? '') === before
      if (holds) layout = after
      await new Promise((resolve) => void setTimeout(resolve, ms))
      return holds ? 1 : 0
    }
    const client = {
      call,
      status: 'ready',
      isCluster: false,
      on: () => {},
      duplicate: () => client,
    }
    return { client: client as unknown as RedisClient, layout: () => layout }
  }

  it('leaves no wish in Redis, which a writer would fulfil later', async () => {
    jest.useFakeTimers()
    try {
      const { client, layout } = slowAnswers(150)
      const changed = repartition(client, { stream: 's', from: 2, to: 5, timeoutMs: 300 })
      const late = expect(changed).rejects.toMatchObject({ reason: 'TIMEOUT' })
      await jest.advanceTimersByTimeAsync(200)
      expect(layout()).toBe('{"count":2,"next":5}')
      await jest.advanceTimersByTimeAsync(1000)
      await late
      expect(layout()).toBe('{"count":2}')
      expect(jest.getTimerCount()).toBe(0)
    } finally {
      jest.useRealTimers()
    }
  })
})
