import { lastValueFrom, merge, mergeMap, type Observable, of } from 'rxjs'
import { currentDelivery } from '../../src/delivery/delivery.js'
import { HoldError, RedisConflictError } from '../../src/errors.js'
import { toRedisStream } from '../../src/redis.js'
import { describeOverClients } from '../redis-client/over-clients.js'
import { Feed, range, type Small, small } from './feed.js'
import { entries, numberIn, numbers, sinkOf, upTo } from './watched.js'

const ended = (events$: Observable<unknown>): Promise<unknown> =>
  lastValueFrom(events$, { defaultValue: undefined })

describeOverClients('toRedisStream with %s', (redis) => {
  it.each(['position', 'redis'] as const)(
    'writes each event and emits it, in order, with ids: %s',
    async (ids) => {
      const sink = sinkOf(redis, new Feed(range(1, 1234)).complete(), { ids })
      await sink.done
      expect(await numbers(redis.server)).toEqual(upTo(1234))
      expect(sink.emitted).toEqual(upTo(1234))
      expect(sink.feed.ledger).toMatchObject({ done: 1234, open: 0, failed: 0 })
      expect(sink.metrics).toMatchObject({
        written: 1234,
        duplicates: 0,
        pending: 0,
        retries: 0,
        status: { state: 'closed' },
      })
    },
  )

  it('makes ids of the position and the index among events at that position', async () => {
    const event = small(1)
    const feed = new Feed([
      { event, position: 0, index: 0 },
      { event, position: 0, index: 1 },
      { event, position: 41, index: 0 },
      { event, position: 41, index: 5 },
      { event, position: Number.MAX_SAFE_INTEGER, index: 0 },
    ]).complete()
    await sinkOf(redis, feed).done
    expect((await entries(redis.server)).map(({ id }) => id)).toEqual([
      '0-1',
      '0-2',
      '41-0',
      '41-5',
      '9007199254740991-0',
    ])
  })

  it('emits each event in its own delivery, when all of its batch are written', async () => {
    const feed = new Feed(range(1, 10)).complete()
    const places: (number | undefined)[] = []
    await new Promise<void>((complete, error) => {
      const sink = toRedisStream({ client: redis.client, stream: 'stream', size: 4, maxWaitMs: 5 })
      feed.events$
        .pipe(sink)
        .subscribe({ next: () => places.push(currentDelivery()?.place?.position), complete, error })
    })
    expect(places).toEqual(upTo(10))
    expect(feed.frontier).toBeUndefined()
  })

  it('recognises events that were written before, when a restart repeats them', async () => {
    await sinkOf(redis, new Feed(range(1, 600)).complete()).done
    const again = sinkOf(redis, new Feed(range(300, 900)).complete())
    await again.done
    expect(await numbers(redis.server)).toEqual(upTo(900))
    expect(again.metrics).toMatchObject({ written: 300, duplicates: 301, epochs: 0 })
  })

  it('spreads the events over partitions, and keeps the order of each DID', async () => {
    await sinkOf(redis, new Feed(range(1, 700)).complete(), { partitions: 3 }).done
    const streams = await Promise.all(
      [0, 1, 2].map((partition) => entries(redis.server, `stream{${partition}}`)),
    )
    const found = streams.map((stream) => stream.map(numberIn))
    expect(found.flat().sort((a, b) => a - b)).toEqual(upTo(700))
    for (let did = 0; did < 7; did += 1) {
      const of = found
        .map((stream) => stream.filter((n) => n % 7 === did))
        .filter((some) => some.length > 0)
      expect(of).toEqual([upTo(700).filter((n) => n % 7 === did)])
    }
    expect(found.filter((stream) => stream.length > 0).length).toBeGreaterThan(1)
  })

  it('trims to `maxLen`', async () => {
    await sinkOf(redis, new Feed(range(1, 5000)).complete(), { maxLen: 100 }).done
    const left = await numbers(redis.server)
    expect(left.length).toBeLessThan(400)
    expect(left.at(-1)).toBe(5000)
  })

  it('writes a second value of one event with ids of Redis, but not with positions', async () => {
    const twice = [
      { event: small(1), position: 1, index: 0 },
      { event: small(2), position: 2, index: 0 },
    ]
    const run = (ids: 'position' | 'redis') => {
      const feed = new Feed(twice).complete()
      const sink = toRedisStream<Small>({
        client: redis.client,
        stream: 'stream',
        ids,
        maxWaitMs: 5,
      })
      const copies$ = feed.events$.pipe(
        mergeMap((event) => of(event, { ...event, did: 'did:plc:other' })),
      )
      return { feed, end: ended(copies$.pipe(sink)) }
    }
    const refused = run('position')
    await expect(refused.end).rejects.toThrow(HoldError)
    expect(refused.feed.frontier).toBe(1)
    await run('redis').end
    expect(await numbers(redis.server)).toEqual([1, 1, 2, 2])
  })

  it('refuses a value outside a delivery, unless `id` gives its position', async () => {
    const options = { client: redis.client, stream: 'stream', maxWaitMs: 5 }
    await expect(ended(of(small(1)).pipe(toRedisStream(options)))).rejects.toThrow(HoldError)
    await ended(
      of(small(7), small(9)).pipe(
        toRedisStream({ ...options, id: ({ n }) => ({ position: n, index: 3 }) }),
      ),
    )
    expect((await entries(redis.server)).map(({ id }) => id)).toEqual(['7-3', '9-3'])
    await expect(
      ended(of(small(1)).pipe(toRedisStream({ ...options, id: () => ({ position: 0.5 }) }))),
    ).rejects.toThrow(HoldError)
  })

  it('ends before an event that cannot be placed, and moves no position past it', async () => {
    const partitionBy = ({ n }: Small) => {
      if (n === 3) throw new TypeError('no')
      return 'one'
    }
    const options = { size: 2, partitions: 2, partitionBy }
    const feed = new Feed(range(1, 5))
    using sink = sinkOf(redis, feed, options)
    await expect(sink.done).rejects.toThrow(TypeError)
    feed.complete()
    expect(feed.ledger.failed).toBeGreaterThan(0)
    const lone = new Feed(range(3, 3))
    await expect(sinkOf(redis, lone, options).done).rejects.toThrow(TypeError)
    expect(lone.frontier).toBe(3)
  })

  it('refuses a second host beside the first with positions, but not after it', async () => {
    const [a, b] = [new Feed(range(1, 3), 'wss://a.test'), new Feed(range(4, 6), 'wss://b.test')]
    const both = (ids: 'position' | 'redis') =>
      ended(
        merge(a.events$, b.events$).pipe(
          toRedisStream({ client: redis.client, stream: 'stream', ids, maxWaitMs: 5 }),
        ),
      )
    await expect(both('position')).rejects.toThrow(RedisConflictError)
    expect(b.frontier).toBe(4)
    await sinkOf(redis, new Feed(range(7, 8), 'wss://c.test').complete()).done
    await sinkOf(redis, new Feed(range(9, 10), 'wss://d.test').complete()).done
    expect(await numbers(redis.server)).toEqual([7, 8, 9, 10])
  })

  it('gives up waiting events on unsubscription, and leaves the client open', async () => {
    const sink = sinkOf(redis, new Feed(range(1, 10)), { maxWaitMs: 60_000 })
    sink[Symbol.dispose]()
    expect(sink.feed.ledger).toMatchObject({ failed: 10, open: 0 })
    expect(sink.feed.frontier).toBe(1)
    await sinkOf(redis, new Feed(range(1, 10)).complete()).done
    expect(await numbers(redis.server)).toEqual(upTo(10))
  })
})
