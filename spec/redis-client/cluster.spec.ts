import { createCluster } from '@redis/client'
import { Cluster } from 'ioredis'
import { hold } from '../../src/index.js'
import { redisCursorStore } from '../../src/redis.js'
import { redisCommands } from '../../src/redis-client/commands.js'
import { isComplete, type RedisCluster, redisCluster } from '../helpers/redis-cluster.js'
import { describeRedis } from '../helpers/redis-server.js'
import { Feed, range } from '../sinks/feed.js'
import { isWaiting, numbers, sinkOf, upTo } from '../sinks/watched.js'
import { Collected, pendingIn, until, watched } from '../sources/redis/stream.js'
import { clients, type OpenClient } from './clients.js'

// A cluster needs some seconds to come together, and more on a busy machine.
jest.setTimeout(120_000)

async function nodeRedis(urls: readonly string[]): Promise<OpenClient> {
  const client = createCluster({
    rootNodes: urls.map((url) => ({ url })),
    defaults: { socket: { reconnectStrategy: 50 } },
  })
  await client.on('error', () => {}).connect()
  return { client, [Symbol.asyncDispose]: async () => client.destroy() }
}

async function ioRedis(urls: readonly string[]): Promise<OpenClient> {
  const options = { lazyConnect: true, clusterRetryStrategy: () => 50 }
  const client = new Cluster([...urls], options).on('error', () => {})
  await client.connect()
  return { client, [Symbol.asyncDispose]: async () => client.disconnect() }
}

describeRedis('a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await redisCluster(3, '--cluster-node-timeout', '1000')
  })
  afterAll(() => cluster[Symbol.asyncDispose]())
  beforeEach(() => Promise.all(cluster.nodes.map((node) => node.cli('FLUSHALL'))))

  describe.each(clients)('to a client of a single server, %s,', (_, connect) => {
    /** Connected to a node that does not have the key. */
    const strayed = async (key: string): Promise<OpenClient> => {
      const owner = await cluster.nodeOf(key)
      return connect(cluster.nodes.find((node) => node !== owner)?.url ?? '')
    }
    const told = /MOVED \d+ [\d.:]+: this Redis is a cluster, hand in a client of one/

    it('is a mistake that ends a sink, which loses nothing', async () => {
      await using opened = await strayed('stream')
      const feed = new Feed(range(1, 10))
      using sink = sinkOf(opened, feed)
      const refused = {
        code: 'REDIS_REFUSED',
        reason: 'MOVED',
        retryable: false,
        message: expect.stringMatching(told),
      }
      await expect(sink.done).rejects.toMatchObject(refused)
      expect(feed.frontier).toBe(1)
    })

    it.each([undefined, 3])(
      'is a mistake that ends a source, with partitions: %p',
      async (partitions) => {
        await using opened = await strayed(partitions === undefined ? 's' : 's:members:g')
        const ended = new Promise<unknown>((error, reject) => {
          watched(opened.client, { partitions }).events$.subscribe({
            error,
            complete: () => reject(new Error('completed')),
          })
        })
        const refused = {
          code: 'REDIS_REFUSED',
          reason: 'MOVED',
          message: expect.stringMatching(told),
        }
        expect(await ended).toMatchObject(refused)
      },
    )

    it('is a CursorStoreError of a store, for a position to load as for one to save', async () => {
      await using opened = await strayed('cursor:key')
      const store = redisCursorStore(opened.client)
      const refused = {
        code: 'CURSOR_STORE',
        cause: { code: 'REDIS_REFUSED', reason: 'MOVED', retryable: false },
      }
      await expect(store.load('key')).rejects.toMatchObject(refused)
      await expect(store.save('key', '1')).rejects.toMatchObject(refused)
      await expect(store.load('key')).rejects.toThrow(told)
    })

    it('is a mistake also while a slot migrates to another node', async () => {
      const owner = await cluster.nodeOf('stream')
      const other = cluster.nodes.find((node) => node !== owner)
      const slot = (await owner.cli('CLUSTER', 'KEYSLOT', 'stream')).slice(1)
      const id = (await other?.cli('CLUSTER', 'MYID'))?.split('\r\n')[1] ?? ''
      expect(await owner.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id)).toBe('+OK')
      try {
        await using opened = await connect(owner.url)
        const asked = redisCommands(opened.client).send(['GET', 'stream'])
        await expect(asked).rejects.toMatchObject({ code: 'REDIS_REFUSED', reason: 'ASK' })
      } finally {
        await owner.cli('CLUSTER', 'SETSLOT', slot, 'STABLE')
      }
    })
  })

  describe.each([
    ['@redis/client', nodeRedis],
    ['ioredis', ioRedis],
  ] as const)('to a cluster client of %s', (_, connect) => {
    it('is written and read over all of its nodes, each event once', async () => {
      await using opened = await connect(cluster.urls)
      await sinkOf(opened, new Feed(range(1, 600)).complete(), { partitions: 5 }).done
      const source = watched(opened.client, { stream: 'stream', partitions: 5 })
      const seen = new Collected<number>()
      const subscription = source.events$.subscribe(({ n }) => seen.add(n))
      await seen.when(({ length }) => length === 600)
      expect([...seen.items].sort((a, b) => a - b)).toEqual(upTo(600))
      const left = async (n: number) =>
        pendingIn(await cluster.nodeOf(`stream{${n}}`), `stream{${n}}`)
      await until(async () =>
        (await Promise.all(upTo(4, 0).map(left))).every((count) => count === 0),
      )
      const lengths = await Promise.all(cluster.nodes.map((node) => node.cli('DBSIZE')))
      expect(lengths.every((length) => length !== ':0')).toBe(true)
      subscription.unsubscribe()
    })

    it("takes the keys of a sink with Redis's ids, and a store's, each on their node", async () => {
      await using opened = await connect(cluster.urls)
      await sinkOf(opened, new Feed(range(1, 300)).complete(), { ids: 'redis' }).done
      await sinkOf(opened, new Feed(range(200, 400)).complete(), { ids: 'redis' }).done
      expect(await numbers(await cluster.nodeOf('stream'))).toEqual(upTo(400))
      const store = redisCursorStore(opened.client)
      for (const key of ['a', 'b', 'c', 'd']) await store.save(key, key)
      expect(await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.load(key)))).toEqual([
        'a',
        'b',
        'c',
        'd',
      ])
    })

    it('acks an entry only when its dead letter is there, on a node that was full', async () => {
      await using opened = await connect(cluster.urls)
      const deadLetter = await cluster.keyBeside('dead', 's')
      const [home, grave] = [await cluster.nodeOf('s'), await cluster.nodeOf(deadLetter)]
      await home.cli('XADD', 's', '1-0', 'event', '{"did":"did:plc:a","n":0}')
      await grave.cli('CONFIG', 'SET', 'maxmemory', '1')
      const source = watched(opened.client, { deadLetter, maxDeliveries: 1 })
      const subscription = source.events$.subscribe(() => hold().failed())
      try {
        await source.when(
          ({ connection }) => connection.state === 'waiting' && connection.attempt >= 3,
        )
        expect(source.metrics.connection).toMatchObject({ reason: { reason: 'OOM' } })
        expect(await pendingIn(home)).toBe(1)
      } finally {
        await grave.cli('CONFIG', 'SET', 'maxmemory', '0')
      }
      await until(async () => (await pendingIn(home)) === 0)
      expect(await grave.cli('XLEN', deadLetter)).toBe(':1')
      subscription.unsubscribe()
    })

    it('refuses a command whose keys are on two nodes, with the remedy', async () => {
      await using opened = await connect(cluster.urls)
      const beside = await cluster.keyBeside('key', 's')
      const refused = {
        code: 'REDIS_REFUSED',
        reason: 'CROSSSLOT',
        message: expect.stringMatching(/give the keys one hash tag$/),
      }
      await expect(
        redisCommands(opened.client).send(['EVAL', 'return 1', '2', 's', beside]),
      ).rejects.toMatchObject(refused)
    })
  })

  // What the one that is killed loses is none of the stream's.
  it.each([
    ['@redis/client', nodeRedis],
    ['ioredis', ioRedis],
  ] as const)(
    'is waited for by a sink over %s while one of its nodes is down',
    async (_, connect) => {
      await using opened = await connect(cluster.urls)
      const home = await cluster.nodeOf('stream')
      const other = cluster.nodes.find((node) => node !== home)
      if (other === undefined) throw new Error('no other node')
      const feed = new Feed(range(1, 100))
      using sink = sinkOf(opened, feed)
      await sink.emits(100)
      await other.kill()
      await until(async () => (await home.cli('GET', 'stream')).startsWith('-CLUSTERDOWN'))
      feed.emit(...range(101, 200))
      await sink.when(isWaiting())
      expect(feed.frontier).toBe(101)
      await other.start()
      for (const node of cluster.nodes) await isComplete(node, 3)
      feed.complete()
      await sink.done
      expect(await numbers(home)).toEqual(upTo(200))
    },
  )
})
