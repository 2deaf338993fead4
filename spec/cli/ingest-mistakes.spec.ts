import { once } from 'node:events'
import { createServer } from 'node:net'
import { type FakeFirehose, fakeFirehose, fakeRepos, generateCommits } from 'rxjs-atproto/testing'
import { redisCluster } from '../helpers/redis-cluster.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { Cli } from './cli.js'
import {
  IngestRun,
  operations,
  Reader,
  type RskyEnvironment,
  sentBy,
  until,
  type Written,
} from './ingest-run.js'
import { tlsProxy } from './tls-proxy.js'

// Processes of their own, on a machine that may have much to do.
jest.setTimeout(180_000)

const cli = new Cli()

beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

const ingest = (environment: RskyEnvironment, ...args: readonly string[]) =>
  new IngestRun(cli, environment, args)

describe('rxjs-atproto ingest', () => {
  it('tells all mistakes of its settings at once, and dials nobody', async () => {
    await using relay = await fakeFirehose()
    const run = ingest({
      INGESTER_BATCH_SIZE: 'many',
      INGESTER_MODE: 'labeler',
      REDIS_URL: 'http://:s3cret@host',
      RELAY_HOSTS: relay.url,
    })
    expect(await run.ended).toBe(3)
    expect(run.stderr).toBe(
      [
        'error: CONFIG: REDIS_URL is not valid. ' +
          'Write redis://host:6379 or rediss://user:password@host:6380/0.',
        'error: CONFIG: INGESTER_BATCH_SIZE is "many". Write a whole number above 0.',
        'error: CONFIG: --labeler-hosts is required in the mode labeler ' +
          '(or INGESTER_LABELER_HOSTS)',
        '',
      ].join('\n'),
    )
    expect(relay.attempts).toEqual([])
  })

  it('ends where this machine does not have the address for the metrics', async () => {
    // Of TEST-NET-1, RFC 5737.
    const run = ingest({ METRICS_PORT: '0', METRICS_ADDRESS: '192.0.2.1' })
    expect(await run.ended).toBe(3)
    expect(run.stderr).toMatch(/^error: CONFIG: --metrics-address is not available: .*EADDRNOT/)
  })

  it('ends where the port that was named is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { readonly port: number }
    const run = ingest({ METRICS_PORT: String(port) })
    expect(await run.ended).toBe(3)
    expect(run.stderr).toMatch(/^error: CONFIG: --metrics-port is not available: .*EADDRINUSE/)
    other.close()
  })

  it('ends at a signal while it waits for Redis', async () => {
    const run = ingest({
      REDIS_URL: 'redis://127.0.0.1:1',
      INGESTER_MODE: 'firehose',
      INGESTER_RELAY_HOSTS: 'localhost:1',
    })
    await run.says(/Redis at 127\.0\.0\.1:1 is away/)
    expect(await run.stop()).toBe(143)
  })
})

describeRedis('rxjs-atproto ingest with Redis', () => {
  let redis: RedisServer
  let relay: FakeFirehose
  let environment: RskyEnvironment

  beforeEach(async () => {
    redis = await redisServer()
    relay = await fakeFirehose({ events: 200, stored: 'all', style: 'relay' })
    environment = {
      INGESTER_MODE: 'firehose',
      REDIS_URL: redis.url,
      INGESTER_RELAY_HOSTS: relay.url,
    }
  })
  afterEach(async () => {
    await redis[Symbol.asyncDispose]()
    await relay.close()
  })

  it('reads the user, the password and the database of the URL', async () => {
    await redis.cli('ACL', 'SETUSER', 'writer', 'on', '>s3cr:t', '~*', '+@all')
    const run = ingest({
      ...environment,
      REDIS_URL: `${redis.url.replace('//', '//writer:s3cr%3At@')}/3`,
    })
    await using reader = await Reader.of({ url: `${redis.url}/3` })
    await until(async () => (await reader.length('firehose_live')) > 100)
    expect(await run.stop()).toBe(143)
    expect(run.stderr).not.toMatch(/s3cr/)
  })

  it.each([
    ['WRONGPASS', 'a password that Redis does not know', '//:wr0ng@', ''],
    ['NOAUTH', 'no password where Redis wants one', '//', ''],
    ['ERR', 'a database that there is not', '//:right@', '/99'],
  ])('ends at once with %s: %s', async (word, _, user, database) => {
    await redis.cli('CONFIG', 'SET', 'requirepass', 'right')
    const run = ingest({ ...environment, REDIS_URL: redis.url.replace('//', user) + database })
    expect(await run.ended).toBe(3)
    expect(run.stderr).toMatch(
      new RegExp(`error: REDIS_REFUSED: Redis answered ${word} .*; check REDIS_URL`),
    )
    expect(run.stderr).not.toMatch(/wr0ng|right@|is away|retrying/)
    expect(relay.attempts).toEqual([])
  })

  it('writes to a cluster that one of its nodes names, with the password of the URL', async () => {
    await using cluster = await redisCluster(1)
    const [node] = cluster.nodes
    await node?.cli('CONFIG', 'SET', 'requirepass', 's3cr:t')
    const run = ingest({
      ...environment,
      REDIS_URL: `redis://:s3cr%3At@127.0.0.1:${node?.port}`,
    })
    await using reader = await Reader.of({ url: `redis://:s3cr%3At@127.0.0.1:${node?.port}` })
    await until(async () => (await reader.length('firehose_live')) > 100)
    expect(await run.stop()).toBe(143)
    expect(run.stderr).not.toMatch(/REDIS_REFUSED|is away|s3cr/)
  })

  it('ends at once with a certificate that nobody vouches for', async () => {
    await using secured = await tlsProxy(redis.port)
    const run = ingest({ ...environment, REDIS_URL: `rediss://127.0.0.1:${secured.port}` })
    expect(await run.ended).toBe(3)
    expect(run.stderr).toMatch(
      /error: REDIS_REFUSED: the TLS certificate of Redis is not trusted: .*SELF_SIGNED_CERT/,
    )
    expect(run.stderr).toMatch(/\(DEPTH_ZERO_SELF_SIGNED_CERT\).*NODE_EXTRA_CA_CERTS/)
    expect(run.stderr).not.toMatch(/is away/)
    expect(relay.attempts).toEqual([])
  })

  it('writes the collections alone that were named', async () => {
    await using reader = await Reader.of(redis)
    const run = ingest(environment, '--collections', 'app.bsky.feed.*')
    await until(async () => (await reader.get(`firehose_live:cursor:${relay.url}`)) === '199')
    expect(await run.stop()).toBe(143)
    const wanted = sentBy(relay.frames).filter((operation) =>
      / app\.bsky\.feed\.[a-z]+\//i.test(operation),
    )
    expect(operations(await reader.entries<Written>('firehose_live', 'event'))).toEqual(wanted)
    expect(wanted.length).toBeGreaterThan(10)
    expect(wanted.length).toBeLessThan(sentBy(relay.frames).length)
    expect(await ingest(environment, '--collections', 'posts').ended).toBe(3)
  })

  it('ends at once where the stream is a key of another type', async () => {
    await using reader = await Reader.of(redis)
    await reader.set('firehose_live', 'text')
    const run = ingest(environment)
    expect(await run.ended).toBe(3)
    expect(run.stderr).toMatch(/error: REDIS_REFUSED: .*WRONGTYPE/)
    // The position before the first event, where it was saved in time: nothing was passed.
    expect([null, '0']).toContain(await reader.get(`firehose_live:cursor:${relay.url}`))
  })

  it('ends with the name of the key where a position cannot be read', async () => {
    await using reader = await Reader.of(redis)
    const key = `firehose_live:cursor:${relay.url}`
    await reader.set(key, '12garbage')
    const run = ingest(environment)
    expect(await run.ended).toBe(3)
    expect(run.stderr).toContain(
      `error: ${relay.url}: CURSOR_STORE: ${key} in Redis holds "12garbage", ` +
        'which is not a position',
    )
    expect(await reader.get(key)).toBe('12garbage')
    expect(relay.attempts).toEqual([])
  })

  it('ends with one host that will never answer, and says which', async () => {
    await using repos = await fakeRepos({ repos: 10 })
    const run = ingest({ ...environment, INGESTER_RELAY_HOSTS: `${relay.url},${repos.url}` })
    expect(await run.ended).toBe(4)
    expect(run.stderr).toMatch(new RegExp(`error: ${repos.url}: REFUSED: .* 404 `))
  })

  it('gives up after --drain what Redis does not take, and the next run has it', async () => {
    await using reader = await Reader.of(redis)
    const run = ingest({ ...environment, METRICS_PORT: '0' }, '--drain', '100ms')
    await until(async () => (await reader.length('firehose_live')) > 100)
    await redis.freeze()
    relay.emit(...generateCommits({ count: 100, firstSeq: 1001, seed: 2 }))
    const open = async () =>
      /rxjs_atproto_events_open\{[^}]*\} (\d+)/.exec(
        await (await fetch(`${await run.url()}/metrics`)).text(),
      )?.[1]
    await until(async () => Number(await open()) >= 100)
    expect(await run.stop()).toBe(143)
    expect(run.stderr).toContain(
      'Redis did not take the pending entries within 100 ms (--drain); ' +
        'the saved positions are before',
    )
    redis.thaw()
    const next = ingest(environment)
    await until(async () => (await reader.get(`firehose_live:cursor:${relay.url}`)) === '1099')
    expect(await next.stop()).toBe(143)
    expect(operations(await reader.entries<Written>('firehose_live', 'event'))).toEqual(
      sentBy(relay.frames),
    )
  })

  it('saves the last position when a signal comes while Redis is away', async () => {
    await using reader = await Reader.of(redis)
    const run = ingest({ ...environment, METRICS_PORT: '0' })
    const key = `firehose_live:cursor:${relay.url}`
    await until(async () => (await reader.get(key)) === '199')
    // Entries can be written, and their position not.
    await redis.cli(
      'ACL',
      'SETUSER',
      'default',
      'resetkeys',
      '%R~*',
      '~firehose_live',
      '~{firehose_live}*',
    )
    relay.emit(...generateCommits({ count: 20, firstSeq: 1001, seed: 2 }))
    const done = async () =>
      /rxjs_atproto_events_done_total\{[^}]*\} (\d+)/.exec(
        await (await fetch(`${await run.url()}/metrics`)).text(),
      )?.[1]
    await until(async () => Number(await done()) === 220)
    expect(await reader.get(key)).toBe('199')
    await redis.kill()
    await run.says(/is away/)
    run.signal('SIGTERM')
    await redis.start()
    expect(await run.ended).toBe(143)
    expect(await reader.get(key)).toBe('1019')
  })
})
