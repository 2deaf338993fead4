import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { ConfigError, hold, RedisRefusedError, RedisUnavailableError } from '../../../src/index.js'
import { redisStream$ } from '../../../src/redis.js'
import { describeRedis, redisServer } from '../../helpers/redis-server.js'
import { expectBalanced } from '../../helpers/streams.js'
import { clients } from '../../redis-client/clients.js'
import { Collected, numbers, pendingIn, until, watched, write } from './stream.js'

describeRedis.each(clients)('redisStream$ over %s, when Redis fails', (_, connect) => {
  const kept = ['--appendonly', 'yes', '--appendfsync', 'always']

  it('goes on after a restart: nothing is lost, and what was done is acked', async () => {
    await using server = await redisServer(...kept)
    await write(server, 0, 400)
    await using opened = await connect(server.url)
    const source = watched(opened.client, { batchSize: 100, maxPending: 200 })
    const seen = new Collected<number>()
    const releases: (() => void)[] = []
    const subscription = source.events$.subscribe(({ n }) => {
      releases.push(hold())
      seen.add(n)
    })
    await seen.when(({ length }) => length === 200)
    await server.kill()
    // Their acks meet no server.
    for (const release of releases.splice(0, 150)) release()
    await source.when(({ connection }) => connection.state === 'waiting')
    expect(source.metrics.connection).toMatchObject({ reason: expect.any(RedisUnavailableError) })
    await server.start()
    await until(async () => {
      for (const release of releases.splice(0)) release()
      return (await pendingIn(server)) === 0 && seen.items.length >= 400
    })
    expect(seen.items).toEqual(numbers(0, 400))
    await source.when(({ connection }) => connection.state === 'open')
    subscription.unsubscribe()
    expect(source.gaps).toEqual([])
    expectBalanced(source.metrics)
  }, 40_000)

  it('delivers no pending entry twice when it takes a partition again', async () => {
    await using server = await redisServer(...kept)
    await write(server, 0, 50, 's{0}')
    await using opened = await connect(server.url)
    const source = watched(opened.client, { partitions: 1, leaseMs: 30_000 })
    const seen = new Collected<number>()
    const releases: (() => void)[] = []
    const subscription = source.events$.subscribe(({ n }) => {
      releases.push(hold())
      seen.add(n)
    })
    await seen.when(({ length }) => length === 50)
    await server.kill()
    await source.when(({ connection }) => connection.state === 'waiting')
    await server.start()
    await write(server, 50, 60, 's{0}')
    await seen.when(({ length }) => length === 60)
    expect(seen.items).toEqual(numbers(0, 60))
    for (const release of releases) release()
    await until(async () => (await pendingIn(server, 's{0}')) === 0)
    subscription.unsubscribe()
    // The lease is let go of, for the next one to take at once.
    await until(async () => (await server.cli('EXISTS', 's{0}:lease:g', 's:members:g')) === ':0')
  }, 40_000)

  it('recreates a group that a Redis without persistence lost, and reports the gap', async () => {
    await using server = await redisServer()
    await write(server, 0, 10)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const seen = new Collected<number>()
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await seen.when(({ length }) => length === 10)
    await server.kill()
    await server.start()
    // The log begins anew, below where it was.
    await write(server, 0, 5)
    await seen.when(({ length }) => length === 15)
    expect(seen.items).toEqual([...numbers(0, 10), ...numbers(0, 5)])
    expect(source.gaps).toEqual([
      { host: 's', from: 10, to: undefined, reason: 'trimmed', recoverable: false },
    ])

    await server.cli('XGROUP', 'DESTROY', 's', 'g')
    await write(server, 5, 8)
    await seen.when(({ length }) => length === 18)
    expect(seen.items.slice(15)).toEqual(numbers(5, 8))
    subscription.unsubscribe()
  })

  it('waits for a Redis that hangs, and delivers no pending entry twice', async () => {
    await using server = await redisServer()
    await write(server, 0, 20)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const seen = new Collected<number>()
    const releases: (() => void)[] = []
    const subscription = source.events$.subscribe(({ n }) => {
      releases.push(hold())
      seen.add(n)
    })
    await seen.when(({ length }) => length === 20)
    await server.freeze()
    for (const release of releases.splice(0, 10)) release()
    await source.when(({ connection }) => connection.state === 'waiting')
    expect(source.metrics.connection).toMatchObject({ reason: { reason: 'TIMEOUT' } })
    server.thaw()
    await write(server, 20, 30)
    await seen.when(({ length }) => length === 30)
    for (const release of releases.splice(0)) release()
    await until(async () => (await pendingIn(server)) === 0)
    expect(seen.items).toEqual(numbers(0, 30))
    subscription.unsubscribe()
  }, 40_000)

  it('waits for a replica to become the master again', async () => {
    await using server = await redisServer()
    await write(server, 0, 3)
    await using opened = await connect(server.url)
    const source = watched(opened.client)
    const seen = new Collected<number>()
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    const subscription = source.events$.subscribe(({ n }) => seen.add(n))
    await source.when(({ connection }) => connection.state === 'waiting' && connection.attempt > 1)
    expect(source.metrics.connection).toMatchObject({ reason: { reason: 'READONLY' } })
    expect(seen.items).toEqual([])
    await server.cli('REPLICAOF', 'NO', 'ONE')
    await seen.when(({ length }) => length === 3)
    subscription.unsubscribe()
  })
})

describeRedis('redisStream$ with a mistake', () => {
  const refusal = (client: Parameters<typeof watched>[0], config = {}) =>
    new Promise<unknown>((resolve, reject) => {
      watched(client, config).events$.subscribe({
        error: resolve,
        next: () => reject(new Error('an event came')),
      })
    })

  it('ends at once with what Redis refused', async () => {
    await using server = await redisServer()
    await server.cli('SET', 's', 'text')
    const client = await createClient({ url: server.url }).connect()
    try {
      expect(await refusal(client)).toMatchObject({ code: 'REDIS_REFUSED', reason: 'WRONGTYPE' })
      await server.cli('DEL', 's')
      await server.cli('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '+@all', '-xack')
      const reader = await createClient({
        url: server.url,
        username: 'reader',
        password: 'pw',
      }).connect()
      expect(await refusal(reader)).toMatchObject({ reason: 'NOPERM' })
      reader.destroy()
      await server.cli('CONFIG', 'SET', 'requirepass', 'secret')
      // @redis/client does not even connect.
      const nobody = new Redis(server.url, { enableReadyCheck: false }).on('error', () => {})
      expect(await refusal(nobody)).toMatchObject({ reason: 'NOAUTH' })
      nobody.disconnect()
    } finally {
      client.destroy()
    }
    expect(await refusal(client)).toBeInstanceOf(RedisRefusedError)
    expect(await refusal(client)).toMatchObject({ reason: 'CLOSED' })
  })

  it('is thrown at the call with all others of the config', () => {
    const wrong = {
      client: {},
      stream: '',
      group: 'g',
      consumer: 1,
      from: 'yesterday',
      format: 'xml',
      partitions: 0,
      maxDeliveries: 1.5,
      typo: true,
    }
    const call = () => redisStream$(wrong as never)
    expect(call).toThrow(ConfigError)
    for (const option of [
      'client',
      'stream',
      'consumer',
      'from',
      'format',
      'partitions',
      'maxDeliveries',
      'typo',
    ])
      expect(call).toThrow(new RegExp(`\`${option}\``))
    expect(() => redisStream$(undefined as never)).toThrow(ConfigError)
    const client = { sendCommand() {}, duplicate() {} } as never
    expect(() =>
      redisStream$({ client, stream: 's', group: 'g', consumer: 'c', deadLetter: 's' }),
    ).toThrow(/deadLetter/)
  })
})
