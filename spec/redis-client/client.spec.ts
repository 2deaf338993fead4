import { runInNewContext } from 'node:vm'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { RedisRefusedError, RedisUnavailableError } from '../../src/errors.js'
import type { IoRedisClient, RedisClient, RedisCommand } from '../../src/redis-client/client.js'
import { redisCommands } from '../../src/redis-client/commands.js'
import { entriesOf, pairsOf, streamsOf } from '../../src/redis-client/replies.js'
import { faultProxy } from '../../src/testing/index.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients } from './clients.js'

describeRedis.each(clients)('redisCommands of %s', (_, connect) => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => server.cli('FLUSHALL'))

  it('resolves a command to its reply', async () => {
    await using opened = await connect(server.url)
    expect(await redisCommands(opened.client).send(['SET', 'key', 'é 💙'])).toBe('OK')
    expect(await redisCommands(opened.client).send(['GET', 'key'])).toBe('é 💙')
  })

  it('resolves a pipeline to the reply or error of each command, in order', async () => {
    await using opened = await connect(server.url)
    const commands = redisCommands(opened.client)
    const replies = await commands.pipeline([
      ['XADD', 'stream', '5-0', 'field', 'a'],
      ['XADD', 'stream', '4-0', 'field', 'b'],
      ['GET', 'stream'],
      ['XADD', 'stream', '6-0', 'field', 'c'],
    ])
    expect(replies).toEqual([
      '5-0',
      expect.any(RedisRefusedError),
      expect.objectContaining({ reason: 'WRONGTYPE' }),
      '6-0',
    ])
    expect(await commands.pipeline([])).toEqual([])
  })

  it('sends a pipeline in one write', async () => {
    await using opened = await connect(server.url)
    await server.cli('CONFIG', 'RESETSTAT')
    await redisCommands(opened.client).pipeline(
      Array.from({ length: 100 }, (_, n) => ['SET', `key${n}`, 'value']),
    )
    const reads = Number(/total_reads_processed:(\d+)/.exec(await server.cli('INFO', 'stats'))?.[1])
    expect(reads).toBeLessThan(10)
  })

  it('reads names and values, entries and streams, under either protocol', async () => {
    await using opened = await connect(server.url)
    const commands = redisCommands(opened.client)
    await commands.pipeline([
      ['XADD', 'stream', '1-1', 'a', '1', 'b', '2'],
      ['XADD', 'stream', '1-2', 'a', '3'],
      ['XGROUP', 'CREATE', 'stream', 'group', '0'],
    ])
    const entries = [
      { id: '1-1', fields: ['a', '1', 'b', '2'] },
      { id: '1-2', fields: ['a', '3'] },
    ]
    expect(
      new Map(pairsOf(await commands.send(['XINFO', 'STREAM', 'stream']))).get('last-generated-id'),
    ).toBe('1-2')
    expect(entriesOf(await commands.send(['XRANGE', 'stream', '-', '+']))).toEqual(entries)
    const read = await commands.send([
      'XREADGROUP',
      'GROUP',
      'group',
      'me',
      'COUNT',
      '9',
      'STREAMS',
      'stream',
      '>',
    ])
    expect(streamsOf(read)).toEqual([['stream', entries]])
    expect(
      streamsOf(
        await commands.send(['XREADGROUP', 'GROUP', 'group', 'me', 'STREAMS', 'stream', '>']),
      ),
    ).toEqual([])
    await commands.send(['XDEL', 'stream', '1-1'])
    const pending = await commands.send([
      'XREADGROUP',
      'GROUP',
      'group',
      'me',
      'STREAMS',
      'stream',
      '0',
    ])
    expect(streamsOf(pending)).toEqual([['stream', [{ id: '1-1', fields: undefined }, entries[1]]]])
  })

  it('reads on a connection of its own while the first one is used', async () => {
    await using opened = await connect(server.url)
    const commands = redisCommands(opened.client)
    const reader = commands.duplicate()
    const read = reader.send(['XREAD', 'BLOCK', '10000', 'STREAMS', 'stream', '$'], 12_000)
    // The reader must block before there is something to read.
    while (!(await server.cli('INFO', 'clients')).includes('blocked_clients:1'));
    await commands.send(['XADD', 'stream', '7-0', 'a', 'b'])
    expect(streamsOf(await read)).toEqual([['stream', [{ id: '7-0', fields: ['a', 'b'] }]]])
    reader.close()
    await expect(reader.send(['PING'])).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reason: 'CLOSED',
    })
    expect(await commands.send(['PING'])).toBe('PONG')
  })

  it('gives up at the deadline when Redis hangs', async () => {
    await using opened = await connect(server.url)
    await server.freeze()
    try {
      const late = { code: 'REDIS_UNAVAILABLE', reason: 'TIMEOUT' }
      await expect(redisCommands(opened.client).send(['PING'], 50)).rejects.toMatchObject(late)
      await expect(redisCommands(opened.client).pipeline([['PING']], 50)).rejects.toMatchObject(
        late,
      )
    } finally {
      server.thaw()
    }
    expect(await redisCommands(opened.client).send(['PING'])).toBe('PONG')
  })

  it('tells errors that pass by themselves from mistakes', async () => {
    await using opened = await connect(server.url)
    const commands = redisCommands(opened.client)
    await server.cli('SET', 'text', 'text')
    await expect(commands.send(['XADD', 'text', '*', 'a', 'b'])).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reason: 'WRONGTYPE',
    })
    // A script's error names the script, which means nothing to a user.
    const inScript = commands.send([
      'EVAL',
      "return redis.call('XADD', KEYS[1], '*', 'a', 'b')",
      '1',
      'text',
    ])
    await expect(inScript).rejects.toThrow(
      /^Redis answered WRONGTYPE [^:]* value: the key holds something else/,
    )
    await expect(commands.send(['NONSENSE'])).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reason: 'ERR',
    })
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    await expect(commands.send(['SET', 'a', 'b'])).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      reason: 'OOM',
    })
    await expect(
      commands.send(['EVAL', "return redis.call('SET', KEYS[1], 'b')", '1', 'a']),
    ).rejects.toMatchObject({ reason: 'OOM' })
    await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    await expect(commands.send(['SET', 'a', 'b'])).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      reason: 'READONLY',
    })
    await expect(
      commands.send(['EVAL', "return redis.call('SET', KEYS[1], 'b')", '1', 'a']),
    ).rejects.toMatchObject({ reason: 'READONLY' })
    await server.cli('REPLICAOF', 'NO', 'ONE')
  })

  it('reports a connection that is cut within a pipeline, and works again afterwards', async () => {
    await using proxy = await faultProxy({ target: server.port })
    await using opened = await connect(`redis://127.0.0.1:${proxy.port}`)
    const commands = redisCommands(opened.client)
    proxy.set({ resetAfterBytes: proxy.bytesDown + 20 })
    const echoes = Array.from({ length: 50 }, (): RedisCommand => ['ECHO', 'some bytes to count'])
    // A pipeline that ioredis sends again in parts never ends by itself.
    const replies = await commands.pipeline(echoes, 1000).catch((error: unknown) => [error])
    expect(proxy.fired).toContain('reset')
    proxy.set({ resetAfterBytes: Number.POSITIVE_INFINITY })
    for (const reply of replies.filter((reply) => reply !== 'some bytes to count'))
      expect(reply).toBeInstanceOf(RedisUnavailableError)
    expect(await commands.send(['PING'])).toBe('PONG')
  })
})

describeRedis('a client that is closed', () => {
  it.each([
    ['@redis/client', createClient()],
    ['ioredis', closedIoRedis()],
  ] as const)('of %s is a mistake', async (_, client) => {
    await expect(redisCommands(client).send(['PING'])).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reason: 'CLOSED',
    })
  })
})

const useOf =
  <Lease>(lease: Lease) =>
  <T>(work: (lease: Lease) => T): T =>
    work(lease)

describe('an error of another realm, as a vm context has,', () => {
  const error: Error = runInNewContext("new Error('read ECONNRESET')")
  const base = { on: () => undefined, isOpen: true, isCluster: false, status: 'ready' }
  const nodeRedis = { ...base, sendCommand: () => Promise.reject(error) }
  const ioRedis = {
    ...base,
    call: () => Promise.reject(error),
    pipeline: () => ({ exec: async () => [[error, undefined]] }),
  }

  it.each([
    ['@redis/client', nodeRedis],
    ['a cluster of @redis/client', { ...nodeRedis, nodeByAddress: {} }],
    [
      'a sentinel of @redis/client',
      { ...nodeRedis, getSentinelNode: () => {}, use: useOf(nodeRedis) },
    ],
    ['ioredis', ioRedis],
    ['a cluster of ioredis', { ...ioRedis, isCluster: true }],
  ])('is an error in a pipeline of %s, not a reply', async (_, client) => {
    expect(error).not.toBeInstanceOf(Error)
    const commands = redisCommands(client as unknown as RedisClient)
    expect(await commands.pipeline([['PING']])).toEqual([
      new RedisUnavailableError('the connection to Redis failed: read ECONNRESET', 'CONNECTION'),
    ])
  })
})

describe('a connection of our own', () => {
  // As ioredis was seen to be when disconnected while it reconnects behind a sentinel.
  const neverSettling = (): IoRedisClient => ({
    status: 'ready',
    isCluster: false,
    call: () => new Promise(() => {}),
    pipeline: () => ({ exec: () => new Promise(() => {}) }),
    duplicate: neverSettling,
    disconnect: () => {},
    on: () => undefined,
  })

  it('rejects what waits for a reply when it is closed, and keeps no timer', async () => {
    jest.useFakeTimers()
    try {
      const connection = redisCommands(neverSettling()).duplicate()
      const closed = { code: 'REDIS_REFUSED', reason: 'CLOSED' }
      const replies = [
        expect(connection.send(['XREAD'], 10_000)).rejects.toMatchObject(closed),
        expect(connection.pipeline([['PING']])).rejects.toMatchObject(closed),
      ]
      expect(jest.getTimerCount()).toBe(2)
      connection.close()
      await Promise.all(replies)
      expect(jest.getTimerCount()).toBe(0)
      await expect(connection.send(['PING'])).rejects.toMatchObject(closed)
    } finally {
      jest.useRealTimers()
    }
  })
})

function closedIoRedis(): Redis {
  const client = new Redis({ lazyConnect: true })
  client.disconnect()
  return client
}
