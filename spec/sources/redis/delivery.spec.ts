import { EMPTY, endWith, firstValueFrom, lastValueFrom, map, Subject, take, toArray } from 'rxjs'
import { currentDelivery } from '../../../src/delivery/delivery.js'
import { boundedMergeMap, hold } from '../../../src/index.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { expectBalanced } from '../../helpers/streams.js'
import { clients } from '../../redis-client/clients.js'
import { Collected, numbers, pendingIn, until, watched, write } from './stream.js'

describeRedis.each(clients)('redisStream$ over %s', (_, connect) => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => server.cli('FLUSHALL'))

  it('creates the group, emits the entries in order, and acks what nobody holds', async () => {
    await write(server, 0, 1200)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const events = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => events.add(n))
    await events.when(({ length }) => length === 1200)
    expect(events.items).toEqual(numbers(0, 1200))
    await until(async () => (await pendingIn(server)) === 0)
    await write(server, 1200, 1210)
    await events.when(({ length }) => length === 1210)
    subscription.unsubscribe()
    await source.when(({ connection }) => connection.state === 'closed')
    await until(async () => (await pendingIn(server)) === 0)
    expect(source.metrics).toMatchObject({
      delivered: 1210,
      done: 1210,
      open: 0,
      rejected: 0,
      gaps: 0,
      cursor: 1210,
    })
    expectBalanced(source.metrics)
  })

  it('reaches a handler within eight frames of this library', async () => {
    await write(server, 0, 1)
    await using opened = await connect(server.url)
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 100
    const trace$ = watched(opened.client).events$.pipe(map(() => new Error('here').stack ?? ''))
    const trace = await firstValueFrom(trace$).finally(() => {
      Error.stackTraceLimit = limit
    })
    const own = trace.split('\n').filter((line) => /\/src\//.test(line))
    expect(own.filter((line) => !line.includes('node_modules')).length).toBeLessThanOrEqual(8)
    expect(own.join('\n')).toContain('sources/redis/reader.ts')
  })

  it('acks an entry only when its work is done', async () => {
    await write(server, 0, 3)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const gates = new Map([0, 1, 2].map((n) => [n, new Subject<never>()]))
    const done = new Collected<number>()
    const subscription = source.events$
      .pipe(
        boundedMergeMap(({ n }) => (gates.get(n) ?? EMPTY).pipe(endWith(n)), { concurrency: 3 }),
      )
      .subscribe(done.add)
    await source.when(({ open }) => open === 3)
    expect(await pendingIn(server)).toBe(3)
    gates.get(1)?.complete()
    await done.when(({ length }) => length === 1)
    await until(async () => (await pendingIn(server)) === 2)
    expect(await server.cli('XPENDING', 's', 'g', '-', '+', '10')).not.toContain('\r\n2-0')
    for (const gate of gates.values()) gate.complete()
    await until(async () => (await pendingIn(server)) === 0)
    subscription.unsubscribe()
  })

  it('delivers again what fails, and moves what fails too often to the dead letters', async () => {
    const [bad] = await write(server, 0, 1)
    await write(server, 1, 50)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { maxDeliveries: 3 })
    const seen: number[] = []
    const subscription = source.events$.subscribe(({ n }) => {
      seen.push(n)
      if (n === 0) hold().failed()
    })
    await until(async () => (await server.cli('XLEN', 's:dead')) === ':1')
    await until(async () => (await pendingIn(server)) === 0)
    expect(seen.filter((n) => n === 0)).toHaveLength(3)
    expect(seen.filter((n) => n > 0)).toEqual(numbers(1, 50))
    const letter = await server.cli('XRANGE', 's:dead', '-', '+')
    for (const part of [
      'event',
      '"n":0',
      'dead:id',
      bad,
      'dead:stream',
      'dead:deliveries',
      '3',
      'dead:reason',
      'its work failed 3 times',
    ])
      expect(letter).toContain(part)
    subscription.unsubscribe()
    expect(source.metrics).toMatchObject({ delivered: 52, failed: 3, done: 49, rejected: 0 })
    expectBalanced(source.metrics)
  })

  it('moves one bad entry in 1,000 to the dead letters, reports it, and goes on', async () => {
    await write(server, 0, 500)
    await server.cli('XADD', 's', '501-0', 'event', 'no json')
    await write(server, 501, 1000)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const events = await lastValueFrom(source.events$.pipe(take(999), toArray()))
    expect(events.map(({ n }) => n)).toEqual(numbers(0, 1000).filter((n) => n !== 500))
    expect(source.rejects).toHaveLength(1)
    expect(source.rejects[0]).toMatchObject({
      host: 's',
      frame: '["event","no json"]',
      error: { place: { position: 501 } },
    })
    await until(async () => (await server.cli('XLEN', 's:dead')) === ':1')
    await until(async () => (await pendingIn(server)) === 0)
  })

  it('begins with the entries that were pending when it ended', async () => {
    await write(server, 0, 5)
    await using opened = await connect(server.url)
    const first = watched(opened.client)
    const held: number[] = []
    const subscription = first.events$.subscribe(({ n }) => {
      const release = hold()
      if (n % 2 === 0) release()
      else held.push(n)
    })
    await until(async () => (await pendingIn(server)) === 2)
    subscription.unsubscribe()
    expect(held).toEqual([1, 3])
    await write(server, 5, 7)
    const events = await lastValueFrom(watched(opened.client).events$.pipe(take(4), toArray()))
    expect(events.map(({ n }) => n)).toEqual([1, 3, 5, 6])
  })

  it('sends what its processes died of to the dead letters, untried', async () => {
    await write(server, 0, 3)
    await server.cli('XGROUP', 'CREATE', 's', 'g', '0')
    await server.cli('XREADGROUP', 'GROUP', 'g', 'dead', 'COUNT', '3', 'STREAMS', 's', '>')
    await server.cli(
      'XCLAIM',
      's',
      'g',
      'dead',
      '0',
      '2-0',
      'RETRYCOUNT',
      '5',
      'IDLE',
      '60000',
      'JUSTID',
    )
    await server.cli(
      'XCLAIM',
      's',
      'g',
      'dead',
      '0',
      '1-0',
      '3-0',
      'RETRYCOUNT',
      '4',
      'IDLE',
      '60000',
      'JUSTID',
    )
    await using opened = await connect(server.url)
    const source = watched(opened.client, { claimIdleMs: 300 })
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await until(async () => (await server.cli('XLEN', 's:dead')) === ':1')
    await until(async () => (await pendingIn(server)) === 0)
    expect(seen.items).toEqual([0, 2])
    expect(source.rejects.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('delivered 5 times, and never ended'),
    ])
    subscription.unsubscribe()
  })

  it('acks what is given up, and counts it, where dead letters are off', async () => {
    await server.cli('XADD', 's', '*', 'event', 'no json')
    await write(server, 2_000_000_000_000, 2_000_000_000_001)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { deadLetter: false, maxDeliveries: 2 })
    let failures = 0
    const subscription = source.events$.subscribe(() => {
      failures += 1
      hold().failed()
    })
    await until(async () => failures === 2 && (await pendingIn(server)) === 0)
    subscription.unsubscribe()
    expect(source.metrics).toMatchObject({ failed: 2, rejected: 1 })
    expect(await server.cli('EXISTS', 's:dead')).toBe(':0')
  })

  it('delivers the labels of one entry of rsky as one, which is done when all are', async () => {
    const label = {
      src: 'did:plc:l',
      uri: 'at://did:plc:a',
      cid: null,
      val: 'spam',
      neg: null,
      cts: '2026-01-01T00:00:00Z',
    }
    await server.cli(
      'XADD',
      's',
      '5-2',
      'labels',
      JSON.stringify({ seq: 9, labels: [label, { ...label, val: 'porn' }] }),
    )
    await using opened = await connect(server.url)
    const source = watched(opened.client, { format: 'rsky' })
    const releases: (() => void)[] = []
    const seen: unknown[] = []
    const places: unknown[] = []
    const subscription = source.events$.subscribe((event) => {
      seen.push(event)
      const { host, position, index } = currentDelivery()?.place ?? {}
      places.push({ host, position, index })
      releases.push(hold())
    })
    await until(() => releases.length === 2)
    const read = {
      seq: 9,
      src: 'did:plc:l',
      uri: 'at://did:plc:a',
      val: 'spam',
      cts: '2026-01-01T00:00:00Z',
    }
    expect(seen).toEqual([read, { ...read, val: 'porn' }])
    expect(places).toEqual([
      { host: 's', position: 5, index: 2 },
      { host: 's', position: 5, index: 3 },
    ])
    releases[0]?.()
    await server.cli('PING')
    expect(await pendingIn(server)).toBe(1)
    releases[1]?.()
    await until(async () => (await pendingIn(server)) === 0)
    subscription.unsubscribe()
    expect(source.metrics).toMatchObject({ delivered: 1, done: 1 })
  })
})
