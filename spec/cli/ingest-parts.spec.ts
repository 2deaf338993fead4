import {
  CursorStoreError,
  memoryCursorStore,
  RedisRefusedError,
  RedisUnavailableError,
} from 'rxjs-atproto'
import { healthProblems } from '../../src/apps/ingest/health.js'
import { HostFeed, type StreamName } from '../../src/apps/ingest/host-feed.js'
import { servePages } from '../../src/apps/ingest/http.js'
import { Outage } from '../../src/apps/ingest/outage.js'
import { prometheusText } from '../../src/apps/ingest/prometheus.js'
import { retryingLastSave } from '../../src/apps/ingest/retrying-last-save.js'
import { cursorKey, PAGE, rskyCursors, SEQ } from '../../src/apps/ingest/rsky-cursors.js'
import { Messages } from '../../src/cli/messages.js'

const feedOf = (stream: StreamName, host: string) =>
  new HostFeed(stream, host, new Messages({ write: () => {} }, { color: false }, {}))

describe('the text for Prometheus', () => {
  it('has each family once, with its help and type, whatever is in a label', () => {
    const text = prometheusText([
      {
        name: 'rxjs_atproto_gaps_total',
        type: 'counter',
        help: 'One line,\nand a \\.',
        samples: [
          { labels: { host: 'a"b\\c\nd', stream: 's' }, value: 2 },
          { labels: { host: 'e' }, value: undefined },
        ],
      },
      { name: 'rxjs_atproto_cursor', type: 'gauge', help: 'Nothing yet.', samples: [] },
      {
        name: 'rxjs_atproto_lag_seconds',
        type: 'gauge',
        help: 'No label.',
        samples: [{ value: 0.25 }],
      },
    ])
    expect(text).toBe(
      [
        '# HELP rxjs_atproto_gaps_total One line,\\nand a \\\\.',
        '# TYPE rxjs_atproto_gaps_total counter',
        'rxjs_atproto_gaps_total{host="a\\"b\\\\c\\nd",stream="s"} 2',
        '# HELP rxjs_atproto_cursor Nothing yet.',
        '# TYPE rxjs_atproto_cursor gauge',
        '# HELP rxjs_atproto_lag_seconds No label.',
        '# TYPE rxjs_atproto_lag_seconds gauge',
        'rxjs_atproto_lag_seconds 0.25',
        '',
      ].join('\n'),
    )
  })
})

describe('health', () => {
  afterEach(() => jest.restoreAllMocks())

  it('is about what has been away for longer than the limit, and not about what came back', () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0)
    const [host, redis, never] = [new Outage(), new Outage(), new Outage()]
    const parts = [
      { name: 'a host', away: host },
      { name: 'Redis', away: redis },
      { name: 'another', away: never },
    ]
    host.tell(false)
    redis.tell(false)
    clock.mockReturnValue(5000)
    host.tell(true)
    redis.tell(true)
    clock.mockReturnValue(9000)
    host.tell(true)
    redis.tell(false)
    expect(healthProblems(parts, 10_000)).toEqual([])
    clock.mockReturnValue(15_001)
    expect(healthProblems(parts, 10_000)).toEqual([
      'a host has been away for 10 s',
      'another has been away for 15 s',
    ])
  })
})

describe('pages', () => {
  it('are served by GET and HEAD on their paths, and on no others', async () => {
    const server = await servePages(
      { '/metrics': () => ({ status: 200, type: 'text/plain', body: 'é\n' }) },
      0,
      '127.0.0.1',
    )
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
      return [response.status, response.headers.get('content-length'), await response.text()]
    }
    try {
      expect(await get('/metrics?x=1')).toEqual([200, '3', 'é\n'])
      expect(await get('/metrics', 'HEAD')).toEqual([200, '3', ''])
      expect(await get('/metrics', 'POST')).toEqual([405, '19', 'GET and HEAD alone\n'])
      expect(await get('/constructor')).toEqual([404, '9', '/metrics\n'])
    } finally {
      server.close()
    }
  })
})

describe('positions', () => {
  const KEY = 'firehose wss://bsky.network/xrpc/com.atproto.sync.subscribeRepos'
  const HOST = 'wss://bsky.network/xrpc/com.atproto.sync.subscribeRepos'

  it('are under the key of rsky-ingester, with the host as it was written', () => {
    expect(cursorKey(feedOf('firehose_live', 'https://bsky.network/'))).toBe(
      'firehose_live:cursor:https://bsky.network/',
    )
  })

  it('of a live stream are the last seq that is done, and do not drift over restarts', async () => {
    const redis = memoryCursorStore()
    const store = rskyCursors(redis, feedOf('firehose_live', 'bsky.network'), SEQ)
    await store.save(KEY, JSON.stringify({ host: HOST, position: 500, time_us: 7 }))
    expect(await redis.load('firehose_live:cursor:bsky.network')).toBe('499')
    expect(JSON.parse((await store.load(KEY)) ?? '')).toEqual({
      host: HOST,
      position: 500,
      time_us: 0,
    })
    await store.save(KEY, (await store.load(KEY)) ?? '')
    expect(await redis.load('firehose_live:cursor:bsky.network')).toBe('499')
  })

  it('of a live stream at its very start are 0, which asks for all there is', async () => {
    const redis = memoryCursorStore()
    const store = rskyCursors(redis, feedOf('firehose_live', 'bsky.network'), SEQ)
    await redis.save('firehose_live:cursor:bsky.network', '0')
    expect(JSON.parse((await store.load(KEY)) ?? '')).toMatchObject({ position: 1 })
    await store.save(KEY, JSON.stringify({ host: HOST, position: 0, time_us: 0 }))
    expect(await redis.load('firehose_live:cursor:bsky.network')).toBe('0')
  })

  it.each(['', '1.5', '-3', '12x', '9007199254740992', '{"position":1}'])(
    'of a live stream that read "%s" are an error, and no new start',
    async (text) => {
      const redis = memoryCursorStore()
      await redis.save('label_live:cursor:mod.bsky.app', text)
      const loading = rskyCursors(redis, feedOf('label_live', 'mod.bsky.app'), SEQ).load(
        'labels wss://mod.bsky.app/',
      )
      await expect(loading).rejects.toThrow(CursorStoreError)
      await expect(loading).rejects.toThrow(
        /^label_live:cursor:mod\.bsky\.app in Redis holds .* which is no position/,
      )
    },
  )

  it.each([
    [
      '1750000::did:plc:a',
      { pages: 4, cursor: '1750000::did:plc:a' },
      { pages: 0, cursor: '1750000::did:plc:a' },
    ],
    ['!ingester-done', { pages: 5, completed: true }, { pages: 0, completed: true }],
  ])('of a backfill are %s as rsky-ingester writes it', async (text, saved, loaded) => {
    const redis = memoryCursorStore()
    const store = rskyCursors(redis, feedOf('repo_backfill', 'bsky.network'), PAGE)
    expect(await store.load('any')).toBeUndefined()
    await store.save('any', JSON.stringify(saved))
    expect(await redis.load('repo_backfill:cursor:bsky.network')).toBe(text)
    expect(JSON.parse((await store.load('any')) ?? '')).toEqual(loaded)
  })

  it('are saved again while Redis is away where they are the last ones, and else given up for the next', async () => {
    let [asked, isEnding] = [0, false]
    const away = new CursorStoreError('could not save', {
      cause: new RedisUnavailableError('away', 'CONNECTION'),
    })
    const save = async () => {
      asked += 1
      if (asked < 4) throw away
    }
    const store = retryingLastSave({ load: async () => undefined, save }, () => isEnding)
    await expect(store.save('key', '1')).rejects.toThrow(away)
    isEnding = true
    jest.useFakeTimers()
    try {
      const saving = store.save('key', '2')
      await jest.advanceTimersByTimeAsync(2000)
      await saving
    } finally {
      jest.useRealTimers()
    }
    expect(asked).toBe(4)
  })

  it('are given up where Redis refuses them, also at the end', async () => {
    const refused = new CursorStoreError('could not save', {
      cause: new RedisRefusedError('NOPERM', 'NOPERM'),
    })
    const store = retryingLastSave(
      { load: async () => undefined, save: () => Promise.reject(refused) },
      () => true,
    )
    await expect(store.save('key', '1')).rejects.toThrow(refused)
  })
})
