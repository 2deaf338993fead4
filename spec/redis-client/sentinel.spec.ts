import { createClientPool } from '@redis/client'
import { ConfigError } from '../../src/errors.js'
import { redisCursorStore, redisStream$, toRedisStream } from '../../src/redis.js'
import { redisCommands } from '../../src/redis-client/commands.js'
import { connect, LIBRARIES } from '../fleet/connect.js'
import { type RedisFailover, redisFailover } from '../helpers/redis-failover.js'
import { describeRedis } from '../helpers/redis-server.js'

// A failover takes some seconds, and more on a busy machine.
jest.setTimeout(120_000)

describeRedis.each(LIBRARIES)('a sentinel of %s', (library) => {
  let redis: RedisFailover
  beforeEach(async () => {
    redis = await redisFailover()
  })
  afterEach(() => redis[Symbol.asyncDispose]())

  it('resolves a pipeline to the reply or error of each command, in order', async () => {
    await using opened = await connect(library, { kind: 'sentinel', port: redis.sentinelPort })
    const commands = redisCommands(opened.client)
    const replies = await commands.pipeline([
      ['XADD', 'stream', '5-0', 'field', 'a'],
      ['XADD', 'stream', '4-0', 'field', 'b'],
      ['GET', 'stream'],
      ['XADD', 'stream', '6-0', 'field', 'c'],
    ])
    const refused = { code: 'REDIS_REFUSED' }
    expect(replies).toEqual([
      '5-0',
      expect.objectContaining(refused),
      expect.objectContaining({ reason: 'WRONGTYPE' }),
      '6-0',
    ])
    const reader = commands.duplicate()
    expect(await reader.send(['XLEN', 'stream'])).toBe(2)
    reader.close()
    expect(await commands.send(['PING'])).toBe('PONG')
    await opened[Symbol.asyncDispose]()
    await expect(commands.send(['PING'])).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      reason: 'CLOSED',
    })
  })
})

describe('a pool', () => {
  it('is refused by its name at the call', () => {
    const client = createClientPool() as never
    const named =
      /`client` must not be a pool \(`createClientPool`\).*hand in a client \(`createClient`\)/
    for (const call of [
      () => redisCursorStore(client),
      () => toRedisStream({ client, stream: 's' }),
      () => redisStream$({ client, stream: 's', group: 'g', consumer: 'c' }),
    ]) {
      expect(call).toThrow(ConfigError)
      expect(call).toThrow(named)
    }
  })
})
