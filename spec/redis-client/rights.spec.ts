import { createClient } from '@redis/client'
import { hold } from '../../src/index.js'
import { redisCursorStore } from '../../src/redis.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { Feed, range } from '../sinks/feed.js'
import { sinkOf } from '../sinks/watched.js'
import { Collected, pendingIn, until, watched, write } from '../sources/redis/stream.js'
import type { OpenClient } from './clients.js'
import { rightsOf } from './rights.js'

const SINK = rightsOf('`toRedisStream`')
const IDS = rightsOf("and with `ids: 'redis'`")
const SOURCE = rightsOf('`redisStream$`')
const PARTITIONS = rightsOf('and with `partitions`')
const STORE = rightsOf('`redisCursorStore`')

describeRedis('a user with the rights of docs/redis.md, and no other', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => server.cli('FLUSHALL'))

  async function userWith(...commands: readonly string[]): Promise<OpenClient> {
    const rights = commands.map((command) => `+${command}`)
    expect(
      await server.cli('ACL', 'SETUSER', 'user', 'reset', 'on', '>pw', '~*', '-@all', ...rights),
    ).toBe('+OK')
    await server.cli('CONFIG', 'RESETSTAT')
    const client = createClient({ url: server.url, username: 'user', password: 'pw' }).on(
      'error',
      () => {},
    )
    await client.connect()
    return { client, [Symbol.asyncDispose]: async () => client.destroy() }
  }

  /** Those of the commands that nobody called. */
  async function spare(...commands: readonly string[]): Promise<readonly string[]> {
    const stats = await server.cli('INFO', 'commandstats')
    return commands.filter((command) => !stats.includes(`cmdstat_${command}:calls=`))
  }

  it('writes, and needs each of them', async () => {
    await using opened = await userWith(...SINK)
    await sinkOf(opened, new Feed(range(1, 20)).complete(), { size: 5 }).done
    await sinkOf(opened, new Feed(range(10, 30)).complete()).done
    const waits = sinkOf(opened, new Feed(range(31, 60)), { highWaterMark: 35, size: 5 })
    await waits.when(({ status }) => status.state === 'high-water')
    // After an outage, the sink first sends a small command.
    await server.freeze()
    const feed = new Feed(range(31, 40)).complete()
    const late = sinkOf(opened, feed, { highWaterMark: 1000, timeoutMs: 300 })
    await late.when(({ retries }) => retries > 1)
    server.thaw()
    await late.done
    waits[Symbol.dispose]()
    expect(await spare(...SINK)).toEqual(['exists'])
    expect(SINK.length).toBeGreaterThan(5)
  })

  it("writes with Redis's ids, and needs each of them", async () => {
    await using opened = await userWith(...SINK, ...IDS)
    await sinkOf(opened, new Feed(range(1, 20)).complete(), { ids: 'redis' }).done
    expect(await spare(...IDS, 'exists')).toEqual([])
  })

  it.each([undefined, 1])(
    'reads, gives back, claims, buries and acks, and needs each of them, with partitions: %p',
    async (partitions) => {
      const stream = partitions === undefined ? 's' : 's{0}'
      await using opened = await userWith(
        ...SOURCE,
        ...(partitions === undefined ? [] : PARTITIONS),
      )
      await write(server, 0, 20, stream)
      await server.cli('XGROUP', 'CREATE', stream, 'g', '0', 'ENTRIESREAD', '0')
      await server.cli('XREADGROUP', 'GROUP', 'g', 'me', 'COUNT', '2', 'STREAMS', stream, '>')
      await server.cli('XTRIM', stream, 'MAXLEN', '15')
      await server.cli('CONFIG', 'RESETSTAT')
      const source = watched(opened.client, {
        partitions,
        maxDeliveries: 2,
        // Nothing is claimed from a consumer that is only slow.
        claimIdleMs: 1000,
        leaseMs: 1500,
      })
      const seen = new Collected<number>()
      const releases: (() => void)[] = []
      const subscription = source.events$.subscribe(({ n }) => {
        if (n === 7) hold().failed()
        else if (n === 8) releases.push(hold())
        seen.add(n)
      })
      await until(async () => (await server.cli('XLEN', `${stream}:dead`)) === ':1')
      await until(async () => (await pendingIn(server, stream)) === 1)
      // It says now and then that the entry is worked on.
      await until(async () => (await spare('xclaim', 'xrange')).length === 0)
      // The group vanishes, and is made again.
      await server.cli('XGROUP', 'DESTROY', stream, 'g')
      await write(server, 30, 32, stream)
      await seen.when((items) => items.includes(31))
      for (const release of releases) release()
      subscription.unsubscribe()
      await source.when(({ connection }) => connection.state === 'closed')
      expect(source.metrics.connection.reason).toBeUndefined()
      // The lease is given back last.
      const unused = partitions === undefined ? SOURCE : [...SOURCE, ...PARTITIONS]
      await until(async () => (await spare(...unused)).length === 0)
    },
  )

  it('keeps positions, and needs each of them', async () => {
    await using opened = await userWith(...STORE)
    const store = redisCursorStore(opened.client)
    await store.save('key', '1')
    expect(await store.load('key')).toBe('1')
    expect(await spare(...STORE)).toEqual([])
  })
})
