import { ConfigError, ConnectTimeoutError, StreamError, streamMetrics } from 'rxjs-atproto'
import { fakeFirehose } from 'rxjs-atproto/testing'
import { ingestStatus, ingestTable, startDisplay } from '../../src/apps/ingest/display.js'
import { IngestState } from '../../src/apps/ingest/ingest-state.js'
import { pipelinesOf } from '../../src/apps/ingest/pipelines.js'
import { RedisLink } from '../../src/apps/ingest/redis-link.js'
import { readSettings } from '../../src/apps/ingest/settings.js'
import { Messages } from '../../src/cli/messages.js'
import type { ConnectionStatus, StreamMetrics } from '../../src/index.js'
import type { RedisSinkMetrics } from '../../src/redis.js'
import { describeRedis, redisServer } from '../helpers/redis-server.js'
import { Cli } from './cli.js'
import { found, IngestRun, until } from './ingest-run.js'

// Processes of their own, on a machine that may have much to do.
jest.setTimeout(180_000)

/** A run that never began. */
function ingestStateOf(
  flags: Parameters<typeof readSettings>[0] = { mode: 'firehose', relayHosts: 'a.example' },
) {
  const settings = readSettings({ healthyWithin: '10s', ...flags }, {})
  const messages = new Messages({ write: () => {} }, { color: false }, {})
  const link = new RedisLink(settings.redis, messages)
  const state = new IngestState(settings, pipelinesOf(settings, messages), link)
  const feed = (index = 0) => {
    const found = state.feeds[index]
    if (found === undefined) throw new Error(`no host ${index}`)
    return found
  }
  const sink = (index = 0) => {
    const found = state.pipelines[index]?.sink
    if (found === undefined) throw new Error(`no stream ${index}`)
    return found
  }
  return {
    state,
    link,
    feed,
    host: (changes: Partial<StreamMetrics>, index?: number) =>
      feed(index).watch.metrics$.next({ ...streamMetrics().value, ...changes }),
    sink: (changes: Partial<RedisSinkMetrics>, index?: number) =>
      sink(index).metrics$.next({ ...sink(index).metrics, ...changes }),
  }
}

const HOST = 'wss://a.example/xrpc/com.atproto.sync.subscribeRepos'
const SINCE = { reason: undefined, since: 0 } as const
class Away extends StreamError {
  readonly code = 'CONNECT'
  readonly retryable = true
}
const waiting: ConnectionStatus = {
  state: 'waiting',
  host: HOST,
  attempt: 3,
  nextAttemptAt: 5,
  reason: new Away('no route'),
  since: 0,
}

describe('/metrics', () => {
  const samples = (state: IngestState): ReadonlyMap<string, string> =>
    new Map(
      state.metricsText
        .split('\n')
        .filter((line) => !line.startsWith('#') && line !== '')
        .map((line) => [line.replace(/^rxjs_atproto_(\w+).*/, '$1'), line.split(' ').at(-1) ?? '']),
    )

  it.each<[keyof StreamMetrics, unknown, string, string]>([
    ['frames', 11, 'frames_received_total', '11'],
    ['bytes', 12, 'bytes_received_total', '12'],
    ['events', 13, 'events_received_total', '13'],
    ['duplicates', 14, 'events_duplicate_total', '14'],
    ['done', 15, 'events_done_total', '15'],
    ['failed', 16, 'events_failed_total', '16'],
    ['control', 17, 'frames_control_total', '17'],
    ['rejected', 18, 'frames_rejected_total', '18'],
    ['gaps', 19, 'gaps_total', '19'],
    ['reconnects', 20, 'reconnects_total', '20'],
    ['checkpointErrors', 21, 'cursor_save_errors_total', '21'],
    ['open', 22, 'events_open', '22'],
    ['connection', { state: 'open', host: HOST }, 'connection_open', '1'],
    ['connection', { state: 'paused', host: HOST }, 'connection_open', '1'],
    ['connection', { state: 'paused', host: HOST }, 'connection_paused', '1'],
    ['connection', waiting, 'connection_open', '0'],
    ['currentBackoffMs', 1500, 'backoff_seconds', '1.5'],
    ['lagMs', 250, 'lag_seconds', '0.25'],
    ['lagMs', 0, 'lag_seconds', '0'],
    ['lastEventAt', 1_700_000_000_500, 'last_event_timestamp_seconds', '1700000000.5'],
    ['cursor', 0, 'cursor', '0'],
    ['checkpoint', 99, 'cursor_saved', '99'],
  ])('tells `%s` %j of a host as %s', (name, value, family, expected) => {
    const { state, host } = ingestStateOf()
    const before = samples(state).get(family)
    host({ [name]: value })
    expect(samples(state).get(family)).toBe(expected)
    if (expected !== '0') expect(before).not.toBe(expected)
  })

  it.each<[keyof RedisSinkMetrics, unknown, string, string]>([
    ['written', 31, 'redis_entries_written_total', '31'],
    ['duplicates', 32, 'redis_entries_duplicate_total', '32'],
    ['rewritten', 33, 'redis_entries_rewritten_total', '33'],
    ['holes', 34, 'redis_holes_total', '34'],
    ['retries', 35, 'redis_retries_total', '35'],
    ['pending', 36, 'redis_pending', '36'],
    ['unread', 37, 'redis_unread', '37'],
    ['status', { state: 'high-water', unread: 5 }, 'redis_high_water', '1'],
    [
      'status',
      { state: 'waiting', attempt: 1, nextAttemptAt: 5, reason: new Away('OOM') },
      'redis_waiting',
      '1',
    ],
  ])('tells `%s` %j of a stream as %s', (name, value, family, expected) => {
    const { state, sink } = ingestStateOf()
    expect(samples(state).get(family)).toBe('0')
    sink({ [name]: value })
    expect(samples(state).get(family)).toBe(expected)
  })

  it.each([
    ['open', 0, 11_000, '0'],
    ['open', 0, 1000, '5'],
    ['open', 3, 11_000, '5'],
    ['paused', 0, 11_000, '5'],
  ] as const)(
    'tells the lag of a host that is %s, with %i events to write and %i ms without one, as %s',
    (connectionState, open, quietMs, lag) => {
      const { state, host } = ingestStateOf()
      host({
        lagMs: 5000,
        lastEventAt: Date.now() - quietMs,
        connection: { state: connectionState, host: HOST, ...SINCE },
        open,
      })
      expect(samples(state).get('lag_seconds')).toBe(lag)
    },
  )

  it('tells that a backfill is through, and what runs', () => {
    const { state, feed } = ingestStateOf({ mode: 'backfill', relayHosts: 'a.example' })
    expect(samples(state).get('completed')).toBe('0')
    feed().complete()
    expect(samples(state).get('completed')).toBe('1')
    expect(state.metricsText).toContain('mode="backfill"')
  })

  it('has one sample for each host and stream, under names that Prometheus takes', () => {
    const { state } = ingestStateOf({
      mode: 'all',
      relayHosts: 'a.example,b.example',
      labelerHosts: 'c.example',
    })
    const { metricsText } = state
    const families = [...metricsText.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
    for (const [, name = '', type] of families) {
      expect(name).toMatch(/^rxjs_atproto_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      const all = metricsText.split('\n').filter((line) => line.startsWith(`${name}{`))
      // Nothing has come yet, of any kind.
      const isOfEvents = /cursor|last_event|lag_seconds/.test(name) && type === 'gauge'
      const known = isOfEvents || name.endsWith('_by_kind_total') ? 0 : 5
      expect([name, all.length]).toEqual([
        name,
        name === 'rxjs_atproto_info' ? 1 : name.startsWith('rxjs_atproto_redis_') ? 3 : known,
      ])
    }
    expect(families.length).toBeGreaterThan(30)
    expect(new Set(families.map(([, name]) => name)).size).toBe(families.length)
  })
})

describe('/healthz', () => {
  let now = 0
  beforeEach(() => {
    now = 0
    jest.spyOn(performance, 'now').mockImplementation(() => now)
  })
  afterEach(() => jest.restoreAllMocks())

  const healthyState = () => {
    const parts = ingestStateOf()
    parts.link.outage.update(false)
    parts.host({ connection: { state: 'open', host: HOST, ...SINCE } })
    parts.sink({ status: { state: 'writing' } })
    return parts
  }

  it('names a host, a stream or Redis when it has been away for longer than the limit', () => {
    const { state, host, link, sink } = healthyState()
    now = 100_000
    expect(state.problems).toEqual([])
    host({ connection: waiting })
    sink({ status: { state: 'waiting', attempt: 1, nextAttemptAt: 5, reason: new Away('OOM') } })
    now = 109_000
    expect(state.problems).toEqual([])
    now = 111_000
    expect(state.problems).toEqual([
      'a.example (firehose_live) has been away for 11 s',
      'writing firehose_live has been away for 11 s',
    ])
    link.outage.update(true)
    now = 131_000
    expect(state.problems).toEqual(['Redis has been away for 20 s'])
    link.outage.update(false)
    host({ connection: { state: 'open', host: HOST, ...SINCE } })
    sink({ status: { state: 'writing' } })
    expect(state.problems).toEqual([])
  })

  it('takes no offence at readers that are behind, nor at a backfill that is through', () => {
    const { state, host, sink } = healthyState()
    host({ connection: { state: 'paused', host: HOST, ...SINCE } })
    sink({ status: { state: 'high-water', unread: 100_000 } })
    now = 1_000_000
    expect(state.problems).toEqual([])

    const backfill = ingestStateOf({ mode: 'backfill', relayHosts: 'a.example' })
    backfill.link.outage.update(false)
    backfill.host({ connection: { state: 'open', host: HOST, ...SINCE } })
    backfill.feed().complete()
    backfill.host({ connection: { state: 'closed', host: HOST, ...SINCE } })
    now = 2_000_000
    expect(backfill.state.problems).toEqual([])
  })
})

describe('the table', () => {
  it('has a line for each host and each stream', () => {
    const { state, host, sink } = ingestStateOf({
      mode: 'all',
      relayHosts: 'a.example',
      labelerHosts: 'b.example',
    })
    host(
      { connection: { state: 'open', host: HOST, ...SINCE }, cursor: 26_600_123, lagMs: 1234 },
      0,
    )
    host({ connection: waiting }, 2)
    sink({ status: { state: 'high-water', unread: 100_000 }, written: 4213, unread: 100_000 }, 0)
    const lines = ingestTable(state)
    expect(lines[0]).toMatch(/^all into Redis at localhost:6379 {2}\d+ ms$/)
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ {2}firehose_live +a\.example +0\/s +1\.2 s {2}open +26,600,123$/),
        expect.stringMatching(/^ {2}label_live +b\.example +0\/s +- {2}waiting \(CONNECT\) +-$/),
        expect.stringMatching(/^ {2}firehose_live +4,213 +0 +0 {2}waiting for readers +100,000$/),
      ]),
    )
  })

  it('loses no column, however long hosts and states are', () => {
    const relayHosts = 'relay1.us-east.bsky.network'
    const { state, host, sink } = ingestStateOf({ mode: 'firehose', relayHosts })
    const reason = new ConnectTimeoutError('late')
    host({ cursor: 26_600_123_456, connection: { ...waiting, reason } as never })
    sink({ status: { state: 'high-water', unread: 100_000 }, written: 4213, unread: 100_000 })
    for (const columns of [79, 99, 199]) {
      const lines = ingestTable(state, columns)
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
      expect(lines.join('\n')).toMatch(/relay1\.us-.* 0\/s .* waiting \(C.* 26,600,123,456\n/)
      expect(lines.join('\n')).toMatch(/ 4,213 .* waiting for.* 100,000$/)
    }
  })

  it('is a line now and then elsewhere, with what is away', () => {
    const { state, host, sink } = ingestStateOf()
    host({ connection: waiting })
    sink({ written: 7, status: { state: 'writing' } })
    expect(ingestStatus(state)).toBe(
      'firehose_live 0/s, 7 written, writing, a.example waiting (CONNECT)',
    )
    sink({ written: 0, duplicates: 1995, status: { state: 'writing' } })
    expect(ingestStatus(state)).toBe(
      'firehose_live 0/s, 0 written, 1,995 there already, writing, a.example waiting (CONNECT)',
    )
  })

  it('gives way to JSON under --metrics, with the reasons of errors', () => {
    const written: string[] = []
    const messages = new Messages(
      { write: (text: string) => written.push(text) },
      { color: false, quiet: true },
      {},
    )
    const { state, host } = ingestStateOf()
    host({ connection: waiting })
    startDisplay(state, messages, true).end()
    expect(JSON.parse(written.join(''))).toMatchObject({
      hosts: [
        {
          stream: 'firehose_live',
          host: 'a.example',
          connection: { state: 'waiting', reason: { code: 'CONNECT', message: 'no route' } },
        },
      ],
      streams: [{ stream: 'firehose_live', written: 0 }],
    })
  })

  it('prints fresh metrics: it waits for every subject, at most a second', () => {
    jest.useFakeTimers()
    try {
      const written: string[] = []
      const messages = new Messages(
        { write: (text: string) => written.push(text) },
        { color: false, quiet: true },
        {},
      )
      const { state, host, sink } = ingestStateOf()
      host({ delivered: 1 })
      const view = startDisplay(state, messages, true)
      jest.advanceTimersByTime(1010)
      host({ delivered: 2 })
      expect(written).toEqual([])
      sink({ written: 2 })
      expect(written.map((line) => JSON.parse(line))).toMatchObject([
        { hosts: [{ delivered: 2 }], streams: [{ written: 2 }] },
      ])
      jest.advanceTimersByTime(2000)
      expect(written).toHaveLength(2)
      view.end()
      expect(written).toHaveLength(3)
    } finally {
      jest.useRealTimers()
    }
  })

  it('is not there under --quiet', () => {
    const written: string[] = []
    const messages = new Messages(
      { write: (text: string) => written.push(text) },
      { color: false, quiet: true },
      {},
    )
    startDisplay(ingestStateOf().state, messages, false).end()
    expect(written).toEqual([])
  })
})

describe('without the package of Redis', () => {
  it('the remedy is told', async () => {
    jest.doMock('@redis/client', () => {
      throw Object.assign(new Error("Cannot find package '@redis/client'"), {
        code: 'ERR_MODULE_NOT_FOUND',
      })
    })
    const { link } = ingestStateOf()
    const connecting = link.connect()
    await expect(connecting).rejects.toThrow(ConfigError)
    await expect(connecting).rejects.toThrow('npm install @redis/client')
    jest.dontMock('@redis/client')
  })
})

describeRedis('a run', () => {
  const cli = new Cli()
  beforeAll(() => cli.build())
  afterEach(() => cli.killAll())
  afterAll(() => cli.dispose())

  it('serves over HTTP what it does, its problems, and its recovery', async () => {
    await using relay = await fakeFirehose({
      events: 400,
      stored: 'all',
      style: 'relay',
      faults: [
        { after: 100, do: 'garbage', frame: Uint8Array.of(1, 2, 3) },
        { after: 200, do: 'drop' },
        { onConnect: 2, do: 'refuse', status: 503 },
      ],
    })
    await using redis = await redisServer()
    const environment = {
      INGESTER_MODE: 'firehose',
      REDIS_URL: redis.url,
      RELAY_HOSTS: relay.url,
      METRICS_PORT: '0',
    }
    const run = new IngestRun(cli, environment, ['--healthy-within', '1ms'])
    const url = await run.url()
    // On 127.0.0.1 alone: nobody else reads it unless the operator says so.
    const elsewhere = process.platform === 'linux' ? '127.0.0.2' : '[::1]'
    await expect(fetch(url.replace('127.0.0.1', elsewhere))).rejects.toThrow('fetch failed')
    const health = await found(async () => {
      const response = await fetch(`${url}/healthz`)
      const body = (await response.json()) as { readonly reasons: readonly string[] }
      return body.reasons.some((reason) => reason.startsWith(relay.url))
        ? { status: response.status, body }
        : undefined
    })
    expect(health).toMatchObject({ status: 503, body: { healthy: false } })

    const metrics = async () => (await fetch(`${url}/metrics`)).text()
    const labels = `{stream="firehose_live",host="${relay.url}"}`
    await until(async () => (await metrics()).includes(`rxjs_atproto_cursor_saved${labels} 400`))
    const text = await metrics()
    for (const line of [
      `frames_rejected_total${labels} 1`,
      `reconnects_total${labels} 2`,
      `connection_open${labels} 1`,
      `events_open${labels} 0`,
    ]) {
      expect(text).toContain(`rxjs_atproto_${line}\n`)
    }
    expect(text).toMatch(/redis_entries_written_total\{stream="firehose_live"\} [1-9]/)
    expect(text).not.toContain('did:')
    expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({
      healthy: true,
      reasons: [],
    })
    expect(await run.stop()).toBe(143)
    expect(run.stderr).toMatch(/warning: rejected a frame of 3/)
  })
})
