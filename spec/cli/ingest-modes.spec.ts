import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import {
  type FakeLabel,
  fakeFirehose,
  fakeLabels,
  fakeRepos,
  generateCommits,
  generateLabels,
} from 'rxjs-atproto/testing'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { Cli } from './cli.js'
import {
  found,
  IngestRun,
  operations,
  Reader,
  type RskyEnvironment,
  sentBy,
  until,
  type Written,
} from './ingest-run.js'

interface WrittenRepo {
  readonly did: string
  readonly host: string
  readonly rev: string
  readonly active: boolean
}

// Processes of their own, on a machine that may have much to do.
jest.setTimeout(180_000)

const cli = new Cli()
let redis: RedisServer
let reader: Reader

beforeAll(() => cli.build())
afterAll(() => cli.dispose())

const ingest = (environment: RskyEnvironment, ...args: readonly string[]) =>
  new IngestRun(cli, { REDIS_URL: redis.url, ...environment }, args)
const didsOf = (repos: readonly unknown[]) =>
  (repos as readonly { readonly did: string }[]).map(({ did }) => did)

describeRedis('rxjs-atproto ingest', () => {
  beforeEach(async () => {
    redis = await redisServer()
    reader = await Reader.of(redis)
  })
  afterEach(async () => {
    cli.killAll()
    await reader[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
  })

  it('writes every repository in the mode backfill, marks the end, exits with 0', async () => {
    await using relay = await fakeRepos({ repos: 3500 })
    const environment = { INGESTER_MODE: 'backfill', INGESTER_RELAY_HOSTS: relay.url }
    expect(await ingest(environment).ended).toBe(0)

    const entries = await reader.entries<WrittenRepo>('repo_backfill', 'repo')
    expect(didsOf(entries)).toEqual(didsOf(relay.repos))
    expect(
      entries.every(
        ({ host, active, rev }) => host === relay.url && typeof active === 'boolean' && rev !== '',
      ),
    ).toBe(true)
    expect(await reader.get(`repo_backfill:cursor:${relay.url}`)).toBe('!ingester-done')

    const requests = relay.requests.length
    expect(await ingest(environment).ended).toBe(0)
    expect(relay.requests).toHaveLength(requests)
    expect(await reader.length('repo_backfill')).toBe(3500)
  })

  it('resumes at the page of rsky-ingester', async () => {
    await using relay = await fakeRepos({ repos: 2500 })
    await reader.set(`repo_backfill:cursor:${relay.url}`, '1000')
    expect(await ingest({ INGESTER_MODE: 'backfill', INGESTER_RELAY_HOSTS: relay.url }).ended).toBe(
      0,
    )
    expect(relay.requests.map(({ cursor }) => cursor)[0]).toBe('1000')
    expect(didsOf(await reader.entries('repo_backfill', 'repo'))).toEqual(
      didsOf(relay.repos).slice(1000),
    )
  })

  it.each([2, 3, 4])(
    'has every repository when it is killed at request %i, and the end is marked last',
    async (onRequest) => {
      await using relay = await fakeRepos({ repos: 3500, faults: [{ onRequest, do: 'hang' }] })
      const environment = { INGESTER_MODE: 'backfill', INGESTER_RELAY_HOSTS: relay.url }
      const run = ingest(environment)
      await relay.when(() => relay.fired.length === 1)
      // All before that page is written, and said to be.
      const key = `repo_backfill:cursor:${relay.url}`
      const saved = await found(async () => (await reader.get(key)) ?? undefined)
      expect(saved).toMatch(/^\d+$/)
      await until(async () => (await reader.get(key)) === relay.requests.at(-1)?.cursor)
      await run.stop('SIGKILL')

      const begun = relay.requests.length
      expect(await ingest(environment).ended).toBe(0)
      expect(relay.requests[begun]?.cursor).toBe(relay.requests[begun - 1]?.cursor)
      const dids = didsOf(await reader.entries('repo_backfill', 'repo'))
      expect([...new Set(dids)].sort()).toEqual([...didsOf(relay.repos)].sort())
      expect(await reader.get(key)).toBe('!ingester-done')
    },
  )

  it('writes the labels of a labeler completely, and resumes after the last', async () => {
    const labels = [...generateLabels({ count: 300, seed: 4 })]
    await using labeler = await fakeLabels({ events: labels.slice(0, 200), stored: 'all' })
    const environment = { INGESTER_MODE: 'labeler', INGESTER_LABELER_HOSTS: labeler.url }
    const run = ingest(environment)
    const key = `label_live:cursor:${labeler.url}`
    await until(async () => (await reader.get(key)) === '199')
    expect(await run.stop()).toBe(143)
    labeler.emit(...labels.slice(200))
    const next = ingest(environment)
    await until(async () => (await reader.get(key)) === '299')
    expect(await next.stop()).toBe(143)

    const frames = await reader.entries<{
      readonly seq: number
      readonly labels: readonly object[]
    }>('label_live', 'labels')
    const present = new Set(frames.map(({ seq }) => seq))
    expect(frames.every((frame) => Object.keys(frame).join() === 'seq,labels')).toBe(true)
    expect(present.size).toBe(frames.length)
    for (const { seq, labels: written } of frames)
      expect(written).toEqual([asJson(labels[seq - 1])])
    // Ozone lets a newer label take the place of an older one.
    expect([...present].slice(-100)).toEqual(Array.from({ length: 100 }, (_, index) => 201 + index))
  })

  it('runs all modes at once, two hosts in parallel, each with its position', async () => {
    const [first, second] = [
      [...generateCommits({ count: 200, seed: 1 })],
      [...generateCommits({ count: 300, seed: 2 })],
    ]
    await using firehoses = await fakeFirehose({ events: first, stored: 'all', style: 'relay' })
    await using others = await fakeFirehose({ events: second, stored: 'all', style: 'relay' })
    await using repos = await fakeRepos({ repos: 50 })
    await using labeler = await fakeLabels({ events: 20, stored: 'all' })
    await using one = await door(firehoses.port, repos.port)
    await using other = await door(others.port, repos.port)
    const hosts = [one.url, other.url]
    const run = ingest(
      { RELAY_HOSTS: hosts.join(), LABELER_HOSTS: labeler.host, METRICS_PORT: '0' },
      '--healthy-within',
      '1ms',
    )

    const keys = [
      `firehose_live:cursor:${hosts[0]}`,
      `firehose_live:cursor:${hosts[1]}`,
      `label_live:cursor:${labeler.host}`,
    ]
    const positions = () => Promise.all(keys.map((key) => reader.get(key)))
    await until(async () => (await positions()).join() === '199,299,19')
    const ends = () => Promise.all(hosts.map((host) => reader.get(`repo_backfill:cursor:${host}`)))
    await until(async () => (await ends()).every((end) => end === '!ingester-done'))
    // A host that has no more is not away.
    const text = await (await fetch(`${await run.url()}/metrics`)).text()
    expect(
      text.match(/rxjs_atproto_completed\{stream="repo_backfill",host="[^"]+"\} 1$/gm),
    ).toHaveLength(2)
    expect(await (await fetch(`${await run.url()}/healthz`)).json()).toMatchObject({
      healthy: true,
      reasons: [],
    })
    expect(await run.stop()).toBe(143)

    const entries = operations(await reader.entries<Written>('firehose_live', 'event'))
    expect([...entries].sort()).toEqual([...sentBy(first), ...sentBy(second)].sort())
    expect(await reader.length('repo_backfill')).toBe(100)
  })
})

/** As the entries have them: bytes as `{ $bytes }`, and nothing that is undefined. */
const asJson = (label: FakeLabel | undefined): unknown => JSON.parse(JSON.stringify(label))

/** A relay has one address for its firehose and its list of repositories. */
async function door(
  firehose: number,
  repos: number,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((client) => {
    client.once('data', (head) => {
      const upstream = connect(head.includes('listRepos') ? repos : firehose, '127.0.0.1')
      upstream.write(head)
      client.pipe(upstream).pipe(client)
      for (const socket of [client, upstream]) socket.on('error', () => {})
      client.on('close', () => upstream.destroy())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}
