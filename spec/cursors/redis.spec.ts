import { ConfigError, CursorStoreError } from '../../src/errors.js'
import { type RedisClient, redisCursorStore } from '../../src/redis.js'
import { describeCursorStore } from '../../src/testing/index.js'
import { describeRedis, redisServer } from '../helpers/redis-server.js'
import { clients } from '../redis-client/clients.js'
import { describeOverClients } from '../redis-client/over-clients.js'
import { Collected } from '../sources/redis/stream.js'

describeOverClients('with %s', (redis) => {
  describeCursorStore('redisCursorStore', (place) =>
    redisCursorStore(redis.client, { prefix: place }),
  )

  it('keeps each stream in a key of its own, which begins with the prefix', async () => {
    await redisCursorStore(redis.client).save('stream', '12')
    expect(await redis.server.cli('GET', 'cursor:stream')).toBe('$2\r\n12')
  })

  it('calls a read-only replica, and a key of another type, a CursorStoreError', async () => {
    const store = redisCursorStore(redis.client, { prefix: 'p:' })
    await redis.server.cli('LPUSH', 'p:list', 'a')
    await expect(store.load('list')).rejects.toThrow(CursorStoreError)
    await redis.server.cli('REPLICAOF', '127.0.0.1', '1')
    const save = store.save('stream', '1')
    await expect(save).rejects.toThrow(CursorStoreError)
    await expect(save).rejects.toMatchObject({ cause: { reason: 'READONLY' } })
    await redis.server.cli('REPLICAOF', 'NO', 'ONE')
    await store.save('stream', '2')
    expect(await store.load('stream')).toBe('2')
  })

  it('calls a Redis that hangs a CursorStoreError, in time', async () => {
    const store = redisCursorStore(redis.client, { timeoutMs: 50 })
    await redis.server.freeze()
    await expect(store.load('stream')).rejects.toMatchObject({
      code: 'CURSOR_STORE',
      cause: { reason: 'TIMEOUT' },
    })
    redis.server.thaw()
  })
})

describeRedis.each(clients)('with a Redis that may delete any key, and %s', (_, connect) => {
  it('warns once, at the first load, and not under noeviction', async () => {
    await using server = await redisServer(
      '--maxmemory',
      '8mb',
      '--maxmemory-policy',
      'allkeys-lru',
    )
    await using opened = await connect(server.url)
    const warnings = new Collected<string>()
    const open = () => redisCursorStore(opened.client, { log: { warn: warnings.add } })
    const store = open()
    await store.load('a')
    await warnings.when((items) => items.length === 1)
    expect(warnings.items[0]).toMatch(/may delete the positions under `cursor:` .*allkeys-lru/)
    await store.load('b')
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await open().load('c')
    // The policy is asked for before the position, on one connection.
    await store.load('d')
    expect(warnings.items).toHaveLength(1)
  })
})

it('throws at the call for what is no logger', () => {
  const client = { isOpen: true, sendCommand: () => {}, duplicate: () => {} }
  const call = () => redisCursorStore(client as never, { log: {} as never })
  expect(call).toThrow(/redisCursorStore: .*\n {2}`log` /)
})

it('throws at the call for what is no client', () => {
  const mistaken = { url: 'redis://localhost' } as unknown as RedisClient
  expect(() => redisCursorStore(mistaken)).toThrow(ConfigError)
  expect(() => redisCursorStore(mistaken)).toThrow(
    /redisCursorStore: .*\n {2}`client` must be a client of/,
  )
})
