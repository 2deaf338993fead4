import { type FirehoseMessage, fakeFirehose, generateCommits } from 'rxjs-atproto/testing'
import { describeRedis, redisServer } from '../helpers/redis-server.js'
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

// Processes of their own, on a machine that may have much to do.
jest.setTimeout(180_000)

const cli = new Cli()

beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

const ingest = (environment: RskyEnvironment, ...args: readonly string[]) =>
  new IngestRun(cli, environment, args)

/** Each message with its own number, so that what is sent is known beforehand. */
const messagesOf = (count: number): readonly FirehoseMessage[] => [
  ...generateCommits({ count, seed: 3, operationsPerCommit: 4 }),
]

describeRedis('rxjs-atproto ingest', () => {
  it('works with the environment of an rsky setup alone', async () => {
    const messages = messagesOf(600)
    await using relay = await fakeFirehose({ events: messages, stored: 'all', style: 'relay' })
    await using redis = await redisServer()
    await using reader = await Reader.of(redis)
    const run = ingest({
      INGESTER_MODE: 'firehose',
      REDIS_URL: redis.url,
      INGESTER_RELAY_HOSTS: relay.url,
      INGESTER_BATCH_SIZE: '50',
    })

    const key = `firehose_live:cursor:${relay.url}`
    await until(async () => (await reader.get(key)) === '599')
    expect(await run.stop()).toBe(143)

    const entries = await reader.entries<Written>('firehose_live', 'event')
    expect(operations(entries)).toEqual(sentBy(messages))
    expect(entries.filter(({ type }) => type === 'identity' || type === 'account').length).toBe(
      messages.filter(({ t }) => t === '#identity' || t === '#account').length,
    )
    expect(entries.every((entry) => Object.keys(entry)[0] === 'type')).toBe(true)
    expect(relay.attempts.map(({ cursor }) => cursor)).toEqual(['0'])
  })

  it('resumes at the position of rsky-ingester, in a stream that it started', async () => {
    const messages = messagesOf(600)
    await using relay = await fakeFirehose({ events: messages, stored: 'all', style: 'relay' })
    await using redis = await redisServer()
    await using reader = await Reader.of(redis)
    await reader.set(`firehose_live:cursor:${relay.url}`, '400')
    await reader.send(
      'XADD',
      'firehose_live',
      '*',
      'event',
      JSON.stringify({ type: 'delete', seq: 400 }),
    )
    const run = ingest({
      INGESTER_MODE: 'firehose',
      REDIS_URL: redis.url,
      INGESTER_RELAY_HOSTS: relay.url,
    })

    await until(async () => (await reader.get(`firehose_live:cursor:${relay.url}`)) === '599')
    expect(await run.stop('SIGINT')).toBe(130)

    const [theirs, ...ours] = await reader.entries<Written>('firehose_live', 'event')
    expect(theirs).toEqual({ type: 'delete', seq: 400 })
    expect(operations(ours)).toEqual(sentBy(messages.slice(400)))
    expect(relay.attempts.map(({ cursor }) => cursor)).toEqual(['400'])
    expect(run.stderr).not.toContain('gap')
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'writes every operation once, whenever %s ends it',
    async (signal) => {
      const messages = messagesOf(1000)
      await using relay = await fakeFirehose({ style: 'relay' })
      await using redis = await redisServer()
      await using reader = await Reader.of(redis)
      const environment = {
        INGESTER_MODE: 'firehose',
        REDIS_URL: redis.url,
        INGESTER_RELAY_HOSTS: relay.url,
        INGESTER_BATCH_SIZE: '50',
      }
      const written = () => reader.length('firehose_live')
      const codes = []
      for (let round = 0; round < 3; round++) {
        const flow = messages.slice(300 * round, 300 * (round + 1))
        const before = await written()
        const run = ingest(environment)
        // They flow while it reads, and what is left of them comes when it has ended.
        await until(async () => {
          if (relay.attempts.length > round) relay.emit(...flow.splice(0, 30))
          return (await written()) > before + 100
        })
        codes.push(await run.stop(signal))
        relay.emit(...flow)
      }
      const unfinished = await written()
      relay.emit(...messages.slice(900))
      const run = ingest(environment)
      await until(async () => (await reader.get(`firehose_live:cursor:${relay.url}`)) === '999')
      await run.stop()

      const entries = operations(await reader.entries<Written>('firehose_live', 'event'))
      expect(codes).toEqual(Array(3).fill(signal === 'SIGTERM' ? 143 : null))
      expect(unfinished).toBeLessThan(entries.length)
      expect(entries).toEqual(sentBy(messages))
      expect(relay.attempts).toHaveLength(4)
    },
  )

  it('waits at the high-water mark, stays healthy, and discards nothing', async () => {
    const messages = messagesOf(250)
    await using relay = await fakeFirehose({ events: messages, stored: 'all', style: 'relay' })
    await using redis = await redisServer()
    await using reader = await Reader.of(redis)
    const environment = {
      INGESTER_MODE: 'firehose',
      REDIS_URL: redis.url,
      INGESTER_RELAY_HOSTS: relay.url,
      METRICS_PORT: '0',
    }
    const run = ingest(
      { ...environment, INGESTER_HIGH_WATER_MARK: '200', INGESTER_BATCH_SIZE: '50' },
      '--healthy-within',
      '1ms',
    )
    const health = async () => (await fetch(`${await run.url()}/healthz`)).json()

    await until(async () => (await health()).streams?.[0].status.state === 'high-water')
    expect(await health()).toMatchObject({ healthy: true })
    expect(await reader.length('firehose_live')).toBeLessThan(300)
    expect(Number(await reader.get(`firehose_live:cursor:${relay.url}`))).toBeLessThan(300)

    const taken: Written[] = []
    await until(async () => {
      taken.push(...(await reader.take<Written>('firehose_live', 'event')))
      return operations(taken).length >= sentBy(messages).length
    })
    expect(await run.stop()).toBe(143)
    expect(operations(taken)).toEqual(sentBy(messages))
  })

  it('waits for a Redis that is missing or hangs, and writes each operation once', async () => {
    const messages = messagesOf(2000)
    await using relay = await fakeFirehose({
      events: messages,
      stored: 200,
      style: 'relay',
      ratePerSecond: 1000,
    })
    await using redis = await redisServer('--appendonly', 'yes')
    await redis.stop()
    const run = ingest(
      {
        INGESTER_MODE: 'firehose',
        REDIS_URL: redis.url,
        INGESTER_RELAY_HOSTS: relay.url,
        METRICS_PORT: '0',
      },
      '--healthy-within',
      '1ms',
    )
    const health = async () => (await fetch(`${await run.url()}/healthz`)).json()

    await run.says(/Redis at 127\.0\.0\.1:\d+ is away: .*ECONNREFUSED.*; retrying/)
    expect(await health()).toMatchObject({
      healthy: false,
      reasons: [expect.stringMatching(/^Redis has been away for /)],
    })
    await redis.start()
    await run.says(/Redis is back/)
    await using reader = await Reader.of(redis)
    await until(
      async () => (await health()).healthy && (await reader.length('firehose_live')) > 500,
    )

    await redis.freeze()
    // Our own deadline for a write has passed: the sink says that it waits.
    await until(async () => (await health()).streams[0].status.state === 'waiting')
    expect(await health()).toMatchObject({ healthy: false })
    redis.thaw()
    await until(async () => (await reader.get(`firehose_live:cursor:${relay.url}`)) === '1999')
    expect(await health()).toMatchObject({ healthy: true, reasons: [] })
    expect(await run.stop()).toBe(143)
    expect(operations(await reader.entries<Written>('firehose_live', 'event'))).toEqual(
      sentBy(messages),
    )
  })
})
