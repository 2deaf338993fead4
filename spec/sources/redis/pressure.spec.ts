import { concatMap, EMPTY, endWith, NEVER, type Observable, Subject, take, tap } from 'rxjs'
import {
  boundedBatchMap,
  boundedMergeMap,
  type CommitEvent,
  hold,
  ingest,
} from '../../../src/index.js'
import { redisSinkMetrics, toRedisStream } from '../../../src/redis.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { expectBalanced } from '../../helpers/streams.js'
import { clients } from '../../redis-client/clients.js'
import { Collected, hang, numbers, pendingIn, until, watched, write } from './stream.js'

const [[, connect] = ['', undefined]] = clients
if (connect === undefined) throw new Error('no client')

describeRedis('redisStream$ under pressure', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => server.cli('FLUSHALL'))

  it('stops reading while a queue is full, and has at most `maxPending` entries', async () => {
    await write(server, 0, 3000)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { batchSize: 50, maxPending: 100 })
    const gate = new Subject<never>()
    const done = new Collected<number>()
    const delivered: number[] = []
    const subscription = source.events$
      .pipe(
        tap(({ n }) => delivered.push(n)),
        boundedMergeMap(({ n }) => gate.pipe(endWith(n)), { capacity: 20 }),
      )
      .subscribe(done.add)
    await source.when(({ connection }) => connection.state === 'paused')
    // Long enough for another read, if one came.
    await hang(server, 300)
    expect(delivered).toHaveLength(21)
    expect(await pendingIn(server)).toBe(50)
    gate.complete()
    await done.when(({ length }) => length === 3000)
    expect(done.items).toEqual(numbers(0, 3000))
    await until(async () => (await pendingIn(server)) === 0)
    subscription.unsubscribe()
    expectBalanced(source.metrics)
  })

  it('has at most `maxPending` entries when nothing pauses it', async () => {
    await write(server, 0, 1000)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { batchSize: 30, maxPending: 100 })
    const held = new Collected<() => void>()
    let most = 0
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => {
      held.add(hold())
      most = Math.max(most, n + 1 - released)
      seen.add(n)
    })
    let released = 0
    await seen.when(({ length }) => length >= 90)
    while (seen.items.length < 1000 || released < 1000) {
      await seen.when(({ length }) => length > released)
      held.items[released]?.()
      released += 1
    }
    expect(most).toBeLessThanOrEqual(100)
    expect(seen.items).toEqual(numbers(0, 1000))
    subscription.unsubscribe()
  })

  it('completes, when told to stop, as soon as finished entries are acked', async () => {
    await write(server, 0, 10)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const done = new Collected<number>()
    const completed = new Promise<void>((complete) => {
      source.events$
        .pipe(
          take(10),
          boundedBatchMap(async (batch) => batch.length, { size: 4, maxWaitMs: 5 }),
        )
        .subscribe({ next: done.add, complete })
    })
    await completed
    expect(done.items.reduce((sum, size) => sum + size, 0)).toBe(10)
    expect(await pendingIn(server)).toBe(0)
  })

  it('fails deliveries that the end of the subscription cuts, returns the others', async () => {
    await write(server, 0, 100)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { claimIdleMs: 50_000 })
    const first = new Collected<number>()
    const subscription = source.events$
      .pipe(
        boundedMergeMap(({ n }) => (n < 5 ? EMPTY.pipe(endWith(n)) : new Subject<number>()), {
          capacity: 20,
        }),
      )
      .subscribe(first.add)
    await source.when(({ connection, done }) => connection.state === 'paused' && done === 5)
    subscription.unsubscribe()
    await source.when(({ open }) => open === 0)
    expect(source.metrics).toMatchObject({ delivered: 26, failed: 21, done: 5 })
    expectBalanced(source.metrics)
    // Another consumer may have them at once, and not when `claimIdleMs` are over.
    await until(async () =>
      (await server.cli('XPENDING', 's', 'g', 'IDLE', '50000', '-', '+', '200')).startsWith('*95'),
    )
    const other = watched(opened.client, { consumer: 'other', claimIdleMs: 600 })
    const second = new Collected<number>()
    const rest = other.events$.subscribe(({ n }) => second.add(n))
    await second.when(({ length }) => length === 95)
    expect([...second.items].sort((a, b) => a - b)).toEqual(numbers(5, 100))
    rest.unsubscribe()
  })

  it.each([
    ['goes on all the same', () => new Promise<number>(() => {})],
    ['is cut', () => NEVER],
  ])(
    'counts the failure of the event that ended the stream, and of no other whose work %s',
    async (_, work) => {
      await write(server, 0, 20)
      await using opened = await connect(server.url)
      const source = watched(opened.client, { maxDeliveries: 2 })
      const ended = new Collected<unknown>()
      for (const round of [1, 2]) {
        source.events$
          .pipe(
            boundedMergeMap(({ n }) => (n === 7 ? Promise.reject(new Error('poison')) : work()), {
              concurrency: 20,
            }),
          )
          .subscribe({ error: ended.add })
        await ended.when(({ length }) => length === round)
        // Those in the pipe are given back, but for the one that is buried.
        await until(async () => (await server.cli('XLEN', 's:dead')) === `:${round - 1}`)
      }
      expect(await server.cli('XRANGE', 's:dead', '-', '+')).toContain('"n":7')
      await until(async () => (await pendingIn(server)) === 19)
      const rest = new Collected<number>()
      const subscription = source.events$.subscribe(({ n }) => rest.add(n))
      await rest.when(({ length }) => length === 19)
      expect(await server.cli('XLEN', 's:dead')).toBe(':1')
      subscription.unsubscribe()
    },
  )

  it('feeds `ingest`, and a stream below it with its own positions', async () => {
    const ids = await write(server, 0, 200)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const metrics$ = redisSinkMetrics()
    const out = new Collected<unknown>()
    const subscription = source.events$
      .pipe(toRedisStream({ client: opened.client, stream: 'out', metrics$, maxWaitMs: 5 }))
      .subscribe(out.add)
    await out.when(({ length }) => length === 200)
    await until(async () => (await pendingIn(server)) === 0)
    subscription.unsubscribe()
    const written = await server.cli('XRANGE', 'out', '-', '+')
    for (const id of ids) expect(written).toContain(`${id}\r\n`)

    const commits = watched(opened.client, { stream: 'c' })
    const event = {
      did: 'did:plc:a',
      time_us: 1,
      kind: 'commit',
      commit: { operation: 'delete', collection: 'app.bsky.feed.post', rkey: 'k', rev: 'r' },
    }
    await server.cli('XADD', 'c', '1-0', 'event', JSON.stringify(event))
    const posts = new Collected<unknown>()
    const ingesting = (commits.events$ as Observable<unknown> as Observable<CommitEvent>)
      .pipe(ingest({ 'app.bsky.feed.*': posts.add }))
      .subscribe()
    await posts.when(({ length }) => length === 1)
    expect(posts.items).toEqual([event])
    ingesting.unsubscribe()
  })

  it('shows by `held` that a pipe ends its deliveries early', async () => {
    await write(server, 0, 5)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const seen = new Collected<number>()
    const subscription = source.events$.pipe(concatMap(async ({ n }) => n)).subscribe(seen.add)
    await seen.when(({ length }) => length === 5)
    subscription.unsubscribe()
    expect(source.metrics).toMatchObject({ delivered: 5, held: 0 })
  })
})
