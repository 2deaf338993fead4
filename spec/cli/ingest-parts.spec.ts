import { CursorStoreError, type ListingPosition, memoryCursorStore } from 'rxjs-atproto'
import { healthProblems, Outage } from '../../src/apps/ingest/health.js'
import { HostFeed, type StreamName } from '../../src/apps/ingest/host-feed.js'
import { cursorKey, pageFormat, seqFormat, underKey } from '../../src/apps/ingest/rsky-positions.js'
import { servePages } from '../../src/apps/ingest/serve-state.js'
import { Messages } from '../../src/cli/messages.js'

const feedOf = (stream: StreamName, host: string) =>
  new HostFeed(stream, host, new Messages({ write: () => {} }, { color: false }, {}))

describe('health', () => {
  afterEach(() => jest.restoreAllMocks())

  it('lists parts that are away for longer than the limit, without recovered ones', () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0)
    const [host, redis, never] = [new Outage(), new Outage(), new Outage()]
    const parts = [
      { name: 'a host', outage: host },
      { name: 'Redis', outage: redis },
      { name: 'another', outage: never },
    ]
    host.update(false)
    redis.update(false)
    clock.mockReturnValue(5000)
    host.update(true)
    redis.update(true)
    clock.mockReturnValue(9000)
    host.update(true)
    redis.update(false)
    expect(healthProblems(parts, 10_000)).toEqual([])
    clock.mockReturnValue(15_001)
    expect(healthProblems(parts, 10_000)).toEqual([
      'a host has been away for 10 s',
      'another has been away for 15 s',
    ])
  })
})

describe('pages', () => {
  it('are served by GET and HEAD on their paths only', async () => {
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
      expect(await get('/metrics', 'POST')).toEqual([405, '18', 'only GET and HEAD\n'])
      expect(await get('/constructor')).toEqual([404, '9', '/metrics\n'])
    } finally {
      server.close()
    }
  })
})

describe('positions', () => {
  const HOST = 'wss://bsky.network/xrpc/com.atproto.sync.subscribeRepos'

  it('are under the key of rsky-ingester, with the host as it was written', async () => {
    const key = cursorKey(feedOf('firehose_live', 'https://bsky.network/'))
    expect(key).toBe('firehose_live:cursor:https://bsky.network/')
    const redis = memoryCursorStore()
    const store = underKey(redis, key)
    await store.save('firehose wss://bsky.network/', '7')
    expect([...redis.positions]).toEqual([[key, '7']])
    expect(await store.load('firehose wss://bsky.network/')).toBe('7')
  })

  it('of a live stream are the last seq that is done, and do not drift over restarts', () => {
    const { write, read } = seqFormat('firehose_live:cursor:bsky.network')
    expect(write({ host: HOST, position: 500, time_us: 7 })).toBe('499')
    const position = { host: HOST, position: 500, time_us: 0 }
    expect(read('499', HOST)).toEqual(position)
    expect(write(position)).toBe('499')
  })

  it('of a live stream at its very start are 0, which asks for all there is', () => {
    const { write, read } = seqFormat('firehose_live:cursor:bsky.network')
    expect(read('0', HOST)).toMatchObject({ position: 1 })
    expect(write({ host: HOST, position: 0, time_us: 0 })).toBe('0')
  })

  it.each(['', '1.5', '-3', '12x', '9007199254740992', '{"position":1}'])(
    'of a live stream with the text "%s" are an error, and no new start',
    (text) => {
      const { read } = seqFormat('label_live:cursor:mod.bsky.app')
      expect(() => read(text, HOST)).toThrow(CursorStoreError)
      expect(() => read(text, HOST)).toThrow(
        /^label_live:cursor:mod\.bsky\.app in Redis holds .* which is not a position/,
      )
    },
  )

  it('of a backfill that are an empty text are an error, and no new start', () => {
    const { read } = pageFormat('repo_backfill:cursor:bsky.network')
    expect(() => read('', HOST)).toThrow(CursorStoreError)
  })

  it.each<[text: string, saved: ListingPosition, loaded: ListingPosition]>([
    [
      '1750000::did:plc:a',
      { pages: 4, cursor: '1750000::did:plc:a' },
      { pages: 0, cursor: '1750000::did:plc:a' },
    ],
    ['!ingester-done', { pages: 5, completed: true }, { pages: 0, completed: true }],
  ])('of a backfill are %s as rsky-ingester writes it', (text, saved, loaded) => {
    const { write, read } = pageFormat('repo_backfill:cursor:bsky.network')
    expect(write(saved)).toBe(text)
    expect(read(text, HOST)).toEqual(loaded)
  })
})
