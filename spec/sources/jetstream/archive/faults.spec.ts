import { lastValueFrom, toArray } from 'rxjs'
import {
  type ArchiveConfig,
  archive$,
  CursorLoopError,
  type Gap,
  RefusedError,
  type StreamMetrics,
  streamMetrics,
  WireError,
} from '../../../../src/index.js'
import {
  type ArchiveFault,
  type FakeArchive,
  type FakeArchiveOptions,
  fakeArchive,
} from '../../../../src/testing/index.js'

const AT_ONCE = { initialDelayMs: 1, maxDelayMs: 1 }

function reading(server: FakeArchive, config: Partial<ArchiveConfig> = {}) {
  const gaps: Gap[] = []
  const metrics$ = streamMetrics()
  const states: StreamMetrics[] = []
  metrics$.subscribe((metrics) => states.push(metrics))
  const events$ = archive$({
    host: server.host,
    reconnect: AT_ONCE,
    gaps: { next: (gap) => gaps.push(gap) },
    log: false,
    metrics$,
    ...config,
  })
  return { gaps, metrics$, states, all: lastValueFrom(events$.pipe(toArray())) }
}

/** Reads to the end, and expects each event once, but for those that may be missing. */
async function expectAll(
  options: FakeArchiveOptions,
  config: Partial<ArchiveConfig> = {},
  isMissing: (seq: number) => boolean = () => false,
) {
  const server = await fakeArchive({ events: 300, ...options })
  const read = reading(server, config)
  const events = await read.all
  const wanted = server.events.filter(({ cursor = 0 }) => !isMissing(cursor))
  expect(events.map(({ cursor }) => cursor)).toEqual(wanted.map(({ cursor }) => cursor))
  expect(events).toEqual(wanted)
  await server.close()
  return { ...read, server }
}

const requestsOf = (server: FakeArchive, method: string) =>
  server.requests.filter(({ url }) => url.includes(`.${method}`))

const getSegment = { method: 'getSegment', onRequest: 1 } as const

describe('a download of the archive', () => {
  it.each(['cut', 'end'] as const)(
    'goes on where a body ended early, by range: %s',
    async (how) => {
      const { server, gaps } = await expectAll({
        faults: [{ ...getSegment, do: how, afterBytes: 5000 }],
      })
      const [first] = requestsOf(server, 'getSegment')
      const ranges = requestsOf(server, 'getSegment')
        .filter(({ url }) => url === first?.url)
        .map(({ headers }) => [headers.range, headers['if-range']])
      expect(ranges).toEqual([
        ['bytes=0-2097151', expect.stringMatching(/^"[0-9a-f]{16}"$/)],
        ['bytes=5000-2097151', ranges[0]?.[1]],
      ])
      expect(gaps).toEqual([])
    },
  )

  it('goes on where the body of a block ended early', async () => {
    const cut = { method: 'getBlock', onRequest: 1, do: 'cut', afterBytes: 700 } as const
    await using server = await fakeArchive({ events: 300, faults: [cut] })
    const collections = ['app.bsky.actor.profile']
    const { all, gaps } = reading(server, { collections, kinds: ['commit'] })
    const wanted = server.events.filter(
      (event) => event.kind === 'commit' && event.commit.collection === collections[0],
    )
    expect(await all).toEqual(wanted)
    expect(wanted.length).toBeGreaterThan(1)
    const ranges = requestsOf(server, 'getBlock').map(({ headers }) => headers.range)
    expect(ranges.filter(Boolean)).toEqual(['bytes=700-'])
    expect(gaps).toEqual([])
  })

  it('waits out what may pass, and tells the reason', async () => {
    for (const fault of [
      { do: 'refuse', status: 503, body: 'bootstrap in progress' },
      { do: 'refuse', status: 429, headers: { 'retry-after': '0' } },
      { do: 'stall', afterBytes: 1000 },
      { do: 'hang' },
    ] as const) {
      const { states, metrics$ } = await expectAll(
        { faults: [{ ...getSegment, ...fault }] },
        { idleTimeoutMs: 60 },
      )
      const waits = states.map(({ connection }) => connection).filter((c) => c.state === 'waiting')
      expect(waits.length).toBeGreaterThan(0)
      expect(waits[0]).toMatchObject({ attempt: 1, reason: { retryable: true } })
      expect(metrics$.value).toMatchObject({ reconnects: 0, currentBackoffMs: 0 })
      expect(metrics$.value.archive?.waits).toBeGreaterThan(0)
    }
  })

  it('is no open connection before the archive has answered', async () => {
    const { states } = await expectAll({
      faults: [{ method: 'planSnapshot', onRequest: 1, do: 'refuse' }],
    })
    const seen = states.map(({ connection }) => connection.state)
    expect(seen.indexOf('waiting')).toBeGreaterThan(0)
    expect(seen.indexOf('open')).toBeGreaterThan(seen.indexOf('waiting'))
  })

  it('ends with the attempts that `maxAttempts` allows, where nothing comes', async () => {
    await using server = await fakeArchive({
      events: 50,
      faults: [{ ...getSegment, do: 'refuse', times: Number.POSITIVE_INFINITY }],
    })
    const { all } = reading(server, { reconnect: { ...AT_ONCE, maxAttempts: 3 } })
    await expect(all).rejects.toMatchObject({ code: 'RECONNECT_EXHAUSTED' })
    expect(requestsOf(server, 'getSegment')).toHaveLength(4)
  })

  it('fetches bytes again that are wrong, and delivers them once they are right', async () => {
    for (const at of [0, 60, 300, 4000]) {
      const { gaps, server } = await expectAll({ faults: [{ ...getSegment, do: 'flip', at }] })
      expect(gaps).toEqual([])
      expect(server.archiveFired).toHaveLength(1)
    }
  })

  it('reports bytes that stay wrong as one gap, and delivers what is around them', async () => {
    const always = { times: Number.POSITIVE_INFINITY, do: 'flip', at: 100 } as const
    const { gaps, server } = await expectAll(
      {
        faults: [
          { ...getSegment, do: 'flip', at: 300 },
          { method: 'getBlock', onRequest: 1, ...always },
        ],
      },
      {},
      (seq) => seq <= 16,
    )
    expect(gaps).toEqual([
      {
        host: `ws://${server.host}/xrpc/network.bsky.jetstream.subscribeEvents`,
        from: 1,
        to: 16,
        reason: 'archive-unreadable',
        recoverable: true,
      },
    ])
    expect(requestsOf(server, 'getBlock')).toHaveLength(4)
  })

  it('reports a segment whose header stays wrong, and delivers the others', async () => {
    const faults: ArchiveFault[] = [1, 2, 3, 4, 5, 6, 7].map((onRequest) => ({
      method: 'getSegment',
      onRequest,
      do: 'flip',
      at: 0,
      optional: true,
    }))
    const server = await fakeArchive({ events: 128, faults })
    const { all, gaps } = reading(server)
    expect(await all).toEqual([])
    expect(gaps).toMatchObject([{ from: 1, to: 128, reason: 'archive-unreadable' }])
    await server.close()
  })
})

describe('an archive that changes', () => {
  const isOdd = ({ seq }: { readonly seq: number }): boolean => seq % 2 === 1

  it('loses nothing when segments are rewritten between the plan and the download', async () => {
    let server: FakeArchive | undefined
    const rewrite = () => server?.compact(isOdd)
    server = await fakeArchive({
      events: 300,
      faults: [{ ...getSegment, do: 'call', run: rewrite }],
    })
    const { all, gaps } = reading(server)
    expect((await all).map(({ cursor }) => cursor)).toEqual(evens(300))
    expect(gaps).toEqual([])
    await server.close()
  })

  it('never joins the bytes of two generations', async () => {
    let server: FakeArchive | undefined
    const rewrite = () => server?.compact(isOdd)
    server = await fakeArchive({
      events: 128,
      faults: [
        { ...getSegment, do: 'cut', afterBytes: 9000 },
        { ...getSegment, onRequest: 2, do: 'call', run: rewrite },
      ],
    })
    const { all, gaps } = reading(server)
    expect((await all).map(({ cursor }) => cursor)).toEqual(evens(128))
    expect(gaps).toEqual([])
    expect(server.archiveFired).toHaveLength(2)
    await server.close()
  })

  it('reads blocks that have no row', async () => {
    await using server = await fakeArchive({ events: 128 })
    server.compact(({ seq }) => seq <= 32)
    const { all, gaps } = reading(server)
    expect((await all).map(({ cursor }) => cursor)).toEqual(
      Array.from({ length: 96 }, (_, index) => index + 33),
    )
    expect(gaps).toEqual([])
  })

  it('is planned again when a segment of the plan is gone', async () => {
    const { gaps, server } = await expectAll({
      faults: [{ ...getSegment, do: 'refuse', status: 404, body: '{"error":"SegmentNotFound"}' }],
    })
    expect(requestsOf(server, 'planSnapshot')).toHaveLength(2)
    expect(gaps).toEqual([])
  })

  it('ends with CursorLoopError when a plan does not move five times', async () => {
    await using server = await fakeArchive({
      events: 50,
      faults: [{ ...getSegment, do: 'refuse', status: 404, times: Number.POSITIVE_INFINITY }],
    })
    await expect(reading(server).all).rejects.toBeInstanceOf(CursorLoopError)
    expect(requestsOf(server, 'planSnapshot')).toHaveLength(5)
  })
})

describe('a refusal of the archive', () => {
  it('of the key ends the stream, and never shows the key', async () => {
    await using server = await fakeArchive({ events: 50, apiKey: 'right-key' })
    for (const apiKey of [undefined, 'wrong-key']) {
      const error = (await reading(server, { apiKey }).all.catch((e: unknown) => e)) as RefusedError
      expect(error).toBeInstanceOf(RefusedError)
      expect(error.status).toBe(401)
      expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain('wrong-key')
    }
    expect(await reading(server, { apiKey: 'right-key' }).all).toHaveLength(50)
  })

  it('says that a host has no archive', async () => {
    await using server = await fakeArchive({
      faults: [
        { method: 'planSnapshot', onRequest: 1, do: 'refuse', status: 404, body: 'not found' },
      ],
    })
    await expect(reading(server).all).rejects.toBeInstanceOf(WireError)
  })

  it('by a redirect is not followed, since it would carry the key away', async () => {
    await using other = await fakeArchive({ events: 10 })
    await using server = await fakeArchive({
      faults: [
        {
          method: 'planSnapshot',
          onRequest: 1,
          do: 'refuse',
          status: 307,
          headers: { location: `http://${other.host}/xrpc/network.bsky.jetstream.planSnapshot` },
        },
      ],
    })
    await expect(reading(server, { apiKey: 'key' }).all).rejects.toMatchObject({ status: 307 })
    expect(other.requests).toEqual([])
  })
})

const evens = (last: number): readonly number[] =>
  Array.from({ length: last / 2 }, (_, index) => 2 * (index + 1))
