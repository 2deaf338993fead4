import { hold } from '../../../src/index.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { clients } from '../../redis-client/clients.js'
import { Collected, numbers, pendingIn, until, watched, write } from './stream.js'

const [[, connect] = ['', undefined]] = clients
if (connect === undefined) throw new Error('no client')

describeRedis('a stream that is trimmed', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => server.cli('FLUSHALL'))

  it('is one gap with its count at the start, for what the group had not read', async () => {
    await write(server, 0, 10)
    await using opened = await connect(server.url)
    const before = watched(opened.client)
    const seen = new Collected<number>()
    const subscription = before.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 10)
    await until(async () => (await pendingIn(server)) === 0)
    subscription.unsubscribe()
    await write(server, 10, 100)
    expect(await server.cli('XTRIM', 's', 'MAXLEN', '20')).toBe(':80')

    const after = watched(opened.client)
    const late = new Collected<number>()
    const reading = after.events$.subscribe(({ n }) => late.add(n))
    await late.when(({ length }) => length === 20)
    expect(late.items).toEqual(numbers(80, 100))
    expect(after.gaps).toEqual([
      { host: 's', from: 10, to: 81, reason: 'trimmed', recoverable: false, count: 70 },
    ])
    await write(server, 100, 110)
    await late.when(({ length }) => length === 30)
    await until(async () => (await pendingIn(server)) === 0)
    reading.unsubscribe()
    // What is gone was read: a count that still lacked those before would take it for unread.
    await server.cli('XTRIM', 's', 'MAXLEN', '0')

    const again = watched(opened.client)
    const rest = new Collected<number>()
    await write(server, 110, 112)
    const last = again.events$.subscribe(({ n }) => rest.add(n))
    await rest.when(({ length }) => length === 2)
    expect([before.gaps, after.gaps.length, again.gaps]).toEqual([[], 1, []])
    expect(after.metrics.gaps).toBe(1)
    last.unsubscribe()
  })

  it('is a gap while it runs: of one consumer, and every entry is read or in the gap', async () => {
    await write(server, 0, 200)
    await using opened = await connect(server.url)
    const both = ['one', 'two'].map((consumer) =>
      watched(opened.client, { consumer, batchSize: 5, maxPending: 10 }),
    )
    const seen = new Collected<number>()
    const releases: (() => void)[] = []
    const subscriptions = both.map(({ events$ }) =>
      events$.subscribe(({ n }) => {
        releases.push(hold())
        seen.add(n)
      }),
    )
    await seen.when(({ length }) => length === 20)
    await server.cli('XTRIM', 's', 'MAXLEN', '50')
    for (
      ;
      releases.length > 0;
      await seen.when(({ length }) => length === 70 || releases.length > 0)
    )
      for (const release of releases.splice(0)) release()
    expect([...seen.items].sort((a, b) => a - b)).toEqual([...numbers(0, 20), ...numbers(150, 200)])
    expect(both.flatMap(({ gaps }) => gaps)).toEqual([
      { host: 's', from: 20, to: 151, reason: 'trimmed', recoverable: false, count: 130 },
    ])
    for (const subscription of subscriptions) subscription.unsubscribe()
  })

  it('is no gap where what is gone was read, or was gone before the group began', async () => {
    await write(server, 0, 20)
    await server.cli('XTRIM', 's', 'MAXLEN', '10')
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 10)
    // As readers do that delete what they have acked.
    await until(async () => (await pendingIn(server)) === 0)
    await server.cli('XTRIM', 's', 'MAXLEN', '0')
    await write(server, 20, 30)
    await seen.when(({ length }) => length === 20)
    expect(seen.items).toEqual(numbers(10, 30))
    expect(source.gaps).toEqual([])
    subscription.unsubscribe()
  })

  it('is a gap where a consumer’s entries are gone, and they are pending no more', async () => {
    await write(server, 0, 10)
    await using opened = await connect(server.url)
    const first = watched(opened.client)
    const subscription = first.events$.subscribe(() => void hold())
    await until(async () => (await pendingIn(server)) === 10)
    subscription.unsubscribe()
    await server.cli('XTRIM', 's', 'MAXLEN', '4')
    const second = watched(opened.client)
    const seen = new Collected<number>()
    const reading = second.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 4)
    expect(seen.items).toEqual(numbers(6, 10))
    expect(second.gaps).toEqual([
      { host: 's', from: 1, to: 6, reason: 'trimmed', recoverable: false, count: 6 },
    ])
    await until(async () => (await pendingIn(server)) === 0)
    reading.unsubscribe()
  })

  it('keeps entries in the pipe: a failed one becomes a dead letter with its fields', async () => {
    await write(server, 0, 2)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { maxDeliveries: 1 })
    const releases = new Map<number, ReturnType<typeof hold>>()
    const subscription = source.events$.subscribe(({ n }) => void releases.set(n, hold()))
    await until(() => releases.size === 2)
    await server.cli('XTRIM', 's', 'MAXLEN', '0')
    releases.get(0)?.()
    releases.get(1)?.failed()
    await until(async () => (await server.cli('XLEN', 's:dead')) === ':1')
    expect(await server.cli('XRANGE', 's:dead', '-', '+')).toContain('"n":1')
    await until(async () => (await pendingIn(server)) === 0)
    expect(source.gaps).toEqual([])
    subscription.unsubscribe()
  })
})
