import { hold } from '../../../src/index.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { clients } from '../../redis-client/clients.js'
import { Collected, numbers, pendingIn, until, watched, write } from './stream.js'

describeRedis.each(clients)('the scripts of redisStream$ over %s', (_, connect) => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => server.cli('FLUSHALL'))

  const calls = async (command: string): Promise<number> => {
    const stats = await server.cli('INFO', 'commandstats')
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  }

  it.each([
    ['s', undefined],
    ['s{0}', 1],
  ])('are called by their hash: of %s each text is sent once', async (stream, partitions) => {
    await write(server, 0, 300, stream)
    await server.cli('SCRIPT', 'FLUSH')
    await server.cli('CONFIG', 'RESETSTAT')
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions, batchSize: 5, maxPending: 10 })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 300)
    await until(async () => (await pendingIn(server, stream)) === 0)
    subscription.unsubscribe()
    await source.when(({ connection }) => connection.state === 'closed')
    expect(seen.items).toEqual(numbers(0, 300))
    expect(await calls('evalsha')).toBeGreaterThan(50)
    // To begin, to read, to take a lease, to join, to keep: whichever there were.
    expect(await calls('eval')).toBeLessThanOrEqual(6)
  })

  it.each([
    ['s', undefined],
    ['s{0}', 1],
  ])(
    'are sent again where Redis forgot them: %s is read on, and nothing is lost or told',
    async (stream, partitions) => {
      await using opened = await connect(server.url)
      const source = watched(opened.client, { partitions, batchSize: 5 })
      const seen = new Collected<number>()
      const subscription = source.events$.subscribe(({ n }) => seen.add(n))
      for (let from = 0; from < 60; from += 20) {
        await write(server, from, from + 20, stream)
        await seen.when(({ length }) => length === from + 20)
        await server.cli('SCRIPT', 'FLUSH')
      }
      await until(async () => (await pendingIn(server, stream)) === 0)
      subscription.unsubscribe()
      expect(seen.items).toEqual(numbers(0, 60))
      expect(source.gaps).toEqual([])
      expect(source.metrics.reconnects).toBe(0)
    },
  )

  it('report what was trimmed although Redis forgot them within a connection', async () => {
    await write(server, 0, 40)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { batchSize: 10, maxPending: 10 })
    const seen = new Collected<number>()
    const releases: (() => void)[] = []
    const subscription = source.events$.subscribe(({ n }) => {
      releases.push(hold())
      seen.add(n)
    })
    const release = () => {
      for (const one of releases.splice(0)) one()
    }
    await seen.when(({ length }) => length === 10)
    release()
    // The second read has met the script in its pipeline.
    await seen.when(({ length }) => length === 20)
    await server.cli('XTRIM', 's', 'MAXLEN', '13')
    await server.cli('SCRIPT', 'FLUSH')
    const before = await calls('evalsha')
    release()
    await seen.when(({ length }) => length === 30)
    expect(await calls('evalsha')).toBeGreaterThan(before)
    expect(source.gaps).toEqual([
      { host: 's', from: 20, to: 28, reason: 'trimmed', recoverable: false, count: 7 },
    ])
    expect(seen.items.slice(20)).toEqual(numbers(27, 37))
    // The group's count is right again: what is read and trimmed now is no gap.
    release()
    await seen.when(({ length }) => length === 33)
    release()
    await until(async () => (await pendingIn(server)) === 0)
    await server.cli('XTRIM', 's', 'MAXLEN', '0')
    await write(server, 40, 42)
    await seen.when(({ length }) => length === 35)
    expect(source.gaps.length).toBe(1)
    release()
    subscription.unsubscribe()
  })

  it('report what was trimmed at the first read of a connection', async () => {
    await write(server, 0, 10)
    await server.cli('XGROUP', 'CREATE', 's', 'g', '0', 'ENTRIESREAD', '0')
    await server.cli('XTRIM', 's', 'MAXLEN', '4')
    await server.cli('SCRIPT', 'FLUSH')
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 4)
    subscription.unsubscribe()
    expect(source.gaps).toMatchObject([{ reason: 'trimmed', count: 6 }])
  })
})
