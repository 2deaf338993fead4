import { lastValueFrom, Subject, takeUntil, tap } from 'rxjs'
import { currentDelivery, type DeliverySource } from '../../../src/delivery/delivery.js'
import { boundedMergeMap, hold } from '../../../src/index.js'
import { redisCommands } from '../../../src/redis-client/commands.js'
import { Group } from '../../../src/sources/redis/group.js'
import { Lease, RELEASE } from '../../../src/sources/redis/partitions/lease.js'
import { READ } from '../../../src/sources/redis/scripts.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { expectBalanced } from '../../helpers/streams.js'
import { clients } from '../../redis-client/clients.js'
import { Collected, hang, numbers, pendingIn, until, watched, write } from './stream.js'

const LEASE = 's{0}:lease:g'

describeRedis.each(clients)('a partition read over %s', (_, connect) => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => server.cli('FLUSHALL'))

  it('is read again when Redis has hung for longer than the lease, nothing twice', async () => {
    await write(server, 0, 20, 's{0}')
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions: 1, leaseMs: 600 })
    const seen = new Collected<number>()
    const releases: (() => void)[] = []
    const sources: DeliverySource[] = []
    const subscription = source.events$.subscribe(({ n }) => {
      releases.push(hold())
      if (n === 19) currentDelivery()?.eachSource((one) => sources.push(one))
      for (const one of sources) one.pause()
      seen.add(n)
    })
    await seen.when(({ length }) => length === 20)
    // The lease runs out while it is being prolonged, and the reader notices first.
    await hang(server, 1000, () => {
      for (const one of sources.splice(0)) one.resume()
    })
    await write(server, 20, 30, 's{0}')
    await seen.when(({ length }) => length === 30)
    expect(seen.items).toEqual(numbers(0, 30))
    for (const release of releases) release()
    await until(async () => (await pendingIn(server, 's{0}')) === 0)
    subscription.unsubscribe()
    expectBalanced(source.metrics)
  })

  it('has the entries of a read whose reply was lost before later ones', async () => {
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions: 1, leaseMs: 20_000, blockMs: 5000 })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await write(server, 0, 3, 's{0}')
    await seen.when(({ length }) => length === 3)
    await until(async () => (await pendingIn(server, 's{0}')) === 0)
    // As where a client sends a read again: the first one has taken two of these.
    const five = `for n = 3, 7 do
      redis.call('XADD', KEYS[1], n + 1 .. '-0', 'event', '{"did":"d","n":' .. n .. '}')
    end
    return #redis.call('XREADGROUP', 'GROUP', 'g', 'me', 'COUNT', 2, 'STREAMS', KEYS[1], '>')[1][2]`
    expect(await redisCommands(opened.client).send(['EVAL', five, '1', 's{0}'])).toBe(2)
    await seen.when(({ length }) => length === 8)
    expect(seen.items).toEqual(numbers(0, 8))
    await until(async () => (await pendingIn(server, 's{0}')) === 0)
    expect(source.metrics).toMatchObject({ reconnects: 0, gaps: 0 })
    subscription.unsubscribe()
  })

  it('gives no entry to a waiting reader that has lost its lease', async () => {
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions: 1, leaseMs: 20_000, blockMs: 5000 })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await until(async () => (await server.cli('CLIENT', 'LIST')).includes('flags=b'))
    expect(await server.cli('SET', LEASE, 'another')).toBe('+OK')
    await write(server, 0, 3, 's{0}')
    // Its read has come back, whatever it brought.
    await until(async () => !(await server.cli('CLIENT', 'LIST')).includes('flags=b'))
    expect(
      await server.cli('XREADGROUP', 'GROUP', 'g', 'another', 'STREAMS', 's{0}', '>'),
    ).toContain('"n":0')
    expect(await server.cli('XPENDING', 's{0}', 'g', '-', '+', '10', 'me')).toBe('*0')
    expect(seen.items).toEqual([])
    subscription.unsubscribe()
  })

  it('reports what was trimmed, and is read on when its group has vanished', async () => {
    await write(server, 0, 10, 's{0}')
    await server.cli('XGROUP', 'CREATE', 's{0}', 'g', '0')
    await server.cli('XGROUP', 'SETID', 's{0}', 'g', '2-0', 'ENTRIESREAD', '2')
    await server.cli('XTRIM', 's{0}', 'MAXLEN', '4')
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions: 1 })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 4)
    expect(source.gaps).toEqual([
      { host: 's{0}', from: 2, to: 7, reason: 'trimmed', recoverable: false, count: 4 },
    ])
    await until(async () => (await pendingIn(server, 's{0}')) === 0)
    await server.cli('XGROUP', 'DESTROY', 's{0}', 'g')
    await write(server, 10, 12, 's{0}')
    await seen.when(({ length }) => length === 6)
    expect(seen.items).toEqual(numbers(6, 12))
    subscription.unsubscribe()
  })

  it('is released as soon as the entries in the pipe are acked', async () => {
    await write(server, 0, 3, 's{0}')
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions: 1, lingerMs: 60_000 })
    const releases: (() => void)[] = []
    const subscription = source.events$.subscribe(() => void releases.push(hold()))
    await until(() => releases.length === 3)
    subscription.unsubscribe()
    expect(await server.cli('EXISTS', LEASE)).toBe(':1')
    for (const release of releases) release()
    await until(async () => (await server.cli('EXISTS', LEASE)) === ':0')
    expect(await pendingIn(server, 's{0}')).toBe(0)
  })

  it('is free when the pipe of a source that was told to stop completes', async () => {
    await write(server, 0, 20, 's{0}')
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions: 1, leaseMs: 60_000 })
    const stop$ = new Subject<void>()
    let seen = 0
    const work = async () => {
      seen += 1
      if (seen === 5) stop$.next()
    }
    const hangUp = () =>
      'destroy' in opened.client ? opened.client.destroy() : opened.client.disconnect()
    const pipe$ = source.events$.pipe(
      takeUntil(stop$),
      boundedMergeMap(work),
      tap({ complete: hangUp }),
    )
    await lastValueFrom(pipe$, { defaultValue: undefined })
    expect(await server.cli('EXISTS', LEASE, 's:members:g')).toBe(':0')
    expect(seen).toBeGreaterThanOrEqual(5)
  })
})

describeRedis('the lease of another process', () => {
  it('is not taken while it runs, and is free when it is released', async () => {
    await using server = await redisServer()
    const [[, connect] = []] = clients
    if (connect === undefined) throw new Error('no client')
    await using opened = await connect(server.url)
    const leaseOf = (process: string) =>
      new Lease(
        0,
        's{0}',
        LEASE,
        { process, name: `${process} 1` },
        redisCommands(opened.client),
        60_000,
      )
    const [one, other] = [leaseOf('one'), leaseOf('other')]
    expect([await one.take(), await other.take()]).toEqual([true, false])
    expect(await server.cli('GET', LEASE)).toContain('one 1')
    await one.release()
    expect(await other.take()).toBe(true)
  })
})

describeRedis('two leases of one process', () => {
  it('have two names: a late command of the first does nothing to the second', async () => {
    await using server = await redisServer()
    const [[, connect] = []] = clients
    if (connect === undefined) throw new Error('no client')
    await using opened = await connect(server.url)
    await write(server, 0, 1, 's{0}')
    const commands = redisCommands(opened.client)
    const source = watched(opened.client, { partitions: 1, leaseMs: 1200 })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 1)
    const first = `${await commands.send(['GET', LEASE])}`
    await hang(server, 1700)
    // The lease was lost, and is taken up again.
    await write(server, 1, 2, 's{0}')
    await seen.when(({ length }) => length === 2)
    const second = `${await commands.send(['GET', LEASE])}`
    expect(second.split(' ').slice(0, 2)).toEqual(first.split(' ').slice(0, 2))
    expect(second).not.toBe(first)
    // A release, and a read, of the first lease.
    expect(await RELEASE.run(commands, [LEASE], [first])).toBe(0)
    expect(await commands.send(['GET', LEASE])).toBe(second)
    const last = await new Group('s{0}', 'g', 'me', commands).lastDelivered()
    await server.cli('XADD', 's{0}', '9-0', 'event', '{"did":"did:plc:a","n":9}')
    expect(await READ.run(commands, ['s{0}', LEASE], ['g', first, 'me', '10', last])).toEqual([])
    await seen.when(({ length }) => length === 3)
    subscription.unsubscribe()
  })
})

describeRedis.each(clients.slice(0, 1))(
  'a partition that is lost in an outage, over %s',
  (_, connect) => {
    it('has no outage any more when it is read again', async () => {
      await using server = await redisServer()
      await using opened = await connect(server.url)
      const source = watched(opened.client, { partitions: 1, leaseMs: 200 })
      const seen = new Collected<number>()
      const subscription = source.events$.subscribe(({ n }) => seen.add(n))
      await write(server, 0, 1, 's{0}')
      await seen.when(({ length }) => length === 1)
      await server.kill()
      // Lost by the clock of this process, before Redis is back.
      const lostAt = performance.now() + 400
      await source.when(
        ({ connection }) => connection.state === 'waiting' && performance.now() > lostAt,
      )
      await server.start()
      await write(server, 1, 2, 's{0}')
      await seen.when(({ length }) => length === 2)
      await source.when(({ connection }) => connection.state === 'open')
      subscription.unsubscribe()
    })
  },
)
