import { ConfigError, CursorStoreError } from '../../src/errors.js'
import { type RedisClient, redisCursorStore } from '../../src/redis.js'
import { describeCursorStore } from '../../src/testing/index.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients, type OpenClient } from '../redis-client/clients.js'

describeRedis.each(clients)('with %s', (_, connect) => {
  let server: RedisServer
  let opened: OpenClient
  beforeAll(async () => {
    server = await redisServer()
    opened = await connect(server.url)
  })
  afterAll(async () => {
    await opened[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  describeCursorStore('redisCursorStore', (place) =>
    redisCursorStore(opened.client, { prefix: place }),
  )

  it('keeps each stream in a key of its own, which begins with the prefix', async () => {
    await redisCursorStore(opened.client).save('stream', '12')
    expect(await server.cli('GET', 'cursor:stream')).toBe('$2\r\n12')
  })

  it('calls a read-only replica, and a key of another type, a CursorStoreError', async () => {
    const store = redisCursorStore(opened.client, { prefix: 'p:' })
    await server.cli('LPUSH', 'p:list', 'a')
    await expect(store.load('list')).rejects.toThrow(CursorStoreError)
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    const save = store.save('stream', '1')
    await expect(save).rejects.toThrow(CursorStoreError)
    await expect(save).rejects.toMatchObject({ cause: { reason: 'READONLY' } })
    await server.cli('REPLICAOF', 'NO', 'ONE')
    await store.save('stream', '2')
    expect(await store.load('stream')).toBe('2')
  })

  it('calls a Redis that hangs a CursorStoreError, in time', async () => {
    const store = redisCursorStore(opened.client, { timeoutMs: 50 })
    await server.freeze()
    await expect(store.load('stream')).rejects.toMatchObject({
      code: 'CURSOR_STORE',
      cause: { reason: 'TIMEOUT' },
    })
    server.thaw()
  })
})

it('throws at the call for what is no client', () => {
  const mistaken = { url: 'redis://localhost' } as unknown as RedisClient
  expect(() => redisCursorStore(mistaken)).toThrow(ConfigError)
  expect(() => redisCursorStore(mistaken)).toThrow(
    /redisCursorStore: .*\n {2}`client` must be a client of/,
  )
})
