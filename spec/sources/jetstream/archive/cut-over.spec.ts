import { filter, firstValueFrom, lastValueFrom, Subject, take, takeUntil, toArray } from 'rxjs'
import {
  ConfigError,
  CursorLoopError,
  type Gap,
  isLive,
  type JetstreamConfig,
  type JetstreamEvent,
  type JetstreamFilters,
  jetstream$,
  memoryCursorStore,
  type StreamMetrics,
  streamMetrics,
} from '../../../../src/index.js'
import {
  type FakeArchive,
  type FakeArchiveOptions,
  fakeArchive,
  generateEvents,
} from '../../../../src/testing/index.js'

const AT_ONCE = { initialDelayMs: 1, maxDelayMs: 1 }

function reading(server: FakeArchive, config: Partial<JetstreamConfig> = {}) {
  const gaps: Gap[] = []
  const metrics$ = streamMetrics()
  const states: StreamMetrics[] = []
  metrics$.subscribe((metrics) => states.push(metrics))
  const events$ = jetstream$({
    host: server.host,
    cursor: 'oldest',
    archive: true,
    reconnect: AT_ONCE,
    gaps: { next: (gap) => gaps.push(gap) },
    log: false,
    metrics$,
    ...config,
  })
  return { gaps, metrics$, states, events$ }
}

const seqsOf = (events: readonly JetstreamEvent[]) => events.map(({ cursor }) => cursor)

/** Reads so many events, and expects those of the server that the filter wants, each once. */
async function expectEach(
  server: FakeArchive,
  wanted: readonly JetstreamEvent[],
  config: Partial<JetstreamConfig> = {},
) {
  const read = reading(server, config)
  const events = await lastValueFrom(read.events$.pipe(take(wanted.length), toArray()))
  expect(seqsOf(events)).toEqual(seqsOf(wanted))
  expect(events).toEqual(wanted)
  expect(read.gaps).toEqual([])
  return { ...read, events }
}

const OLD: FakeArchiveOptions = { events: 400, sealed: 300, retainEvents: 150 }

describe('jetstream$ with an archive', () => {
  it('reads history, then goes on live, each event once', async () => {
    await using server = await fakeArchive(OLD)
    const { events, metrics$ } = await expectEach(server, server.events)
    expect(events.map(isLive)).toEqual(events.map(({ cursor = 0 }) => cursor > 300))
    expect(metrics$.value).toMatchObject({ wire: 'v2', archive: { at: 300, tip: 300 } })
    expect(server.attempts.map(({ cursor }) => cursor)).toEqual(['300'])
  })

  it('asks the socket first, and the archive for what it does not hold', async () => {
    await using server = await fakeArchive(OLD)
    await expectEach(server, server.events.slice(99), { cursor: 100 })
    expect(server.attempts.map(({ cursor, status }) => [cursor, status])).toEqual([
      ['100', 400],
      ['300', 101],
    ])
    const { time_us } = server.events[99] as JetstreamEvent
    await expectEach(server, server.events.slice(99), { cursor: time_us })
  })

  it('downloads nothing where the socket holds the position', async () => {
    await using server = await fakeArchive(OLD)
    await expectEach(server, server.events.slice(319), { cursor: 320 })
    expect(server.requests).toEqual([])
  })

  it('tells no gap where the filter hides the event at the tip', async () => {
    const events = [...generateEvents({ count: 400, repos: 30, seed: 3 })]
    for (const collection of [
      'app.bsky.feed.post',
      'app.bsky.actor.profile',
      'app.bsky.graph.block',
    ]) {
      await using server = await fakeArchive({ ...OLD, events })
      const wanted = server.events.filter(
        (event) => event.kind === 'commit' && event.commit.collection === collection,
      )
      expect(wanted.at(-1)?.cursor).toBeGreaterThan(300)
      await expectEach(server, wanted, { collections: [collection], kinds: ['commit'] })
    }
  })

  it('goes on where the socket begins right after the tip', async () => {
    await using server = await fakeArchive({ events: 400, sealed: 300, retainEvents: 100 })
    await expectEach(server, server.events)
    expect(server.attempts.map(({ cursor, status }) => [cursor, status])).toEqual([
      ['300', 400],
      ['301', 101],
    ])
  })

  it('tells no gap where the archive lacks the event at the tip', async () => {
    await using server = await fakeArchive(OLD)
    server.compact(({ seq }) => seq > 290 && seq <= 300)
    const wanted = server.events.filter(({ cursor = 0 }) => cursor <= 290 || cursor > 300)
    await expectEach(server, wanted)
  })

  it('reads the archive again where the socket has moved on before the cut-over', async () => {
    let server: FakeArchive | undefined
    const moveOn = () => {
      server?.emit(...generateEvents({ count: 300, seed: 9 }))
      server?.seal()
      server?.emit(...generateEvents({ count: 10, seed: 10 }))
    }
    server = await fakeArchive({
      ...OLD,
      faults: [{ method: 'getSegment', onRequest: 3, do: 'call', run: moveOn }],
    })
    const read = reading(server)
    const events = await lastValueFrom(read.events$.pipe(take(710), toArray()))
    expect(seqsOf(events)).toEqual(seqsOf(server.events))
    expect(read.gaps).toEqual([])
    expect(server.attempts.map(({ cursor, status }) => [cursor, status])).toEqual([
      ['300', 400],
      ['700', 101],
    ])
    await server.close()
  })

  it('ends with CursorLoopError where socket and archive never meet', async () => {
    await using server = await fakeArchive({ events: 400, sealed: 200, retainEvents: 100 })
    const { events$, states } = reading(server)
    await expect(lastValueFrom(events$)).rejects.toBeInstanceOf(CursorLoopError)
    expect(states.at(-1)).toMatchObject({ delivered: 200 })
    expect(states.some(({ connection: { state } }) => state === 'waiting')).toBe(true)
  })

  it('goes on from one checkpoint, in the archive and on the socket', async () => {
    await using server = await fakeArchive(OLD)
    const checkpoint = { store: memoryCursorStore(), everyMs: 1 }
    const parts: (readonly JetstreamEvent[])[] = []
    for (const count of [120, 220, 62]) {
      const { events$, gaps } = reading(server, { checkpoint })
      parts.push(await lastValueFrom(events$.pipe(take(count), toArray())))
      expect(gaps).toEqual([])
    }
    const all = parts.flatMap(seqsOf)
    expect(new Set(all)).toEqual(new Set(seqsOf(server.events)))
    expect(all.length).toBeLessThanOrEqual(402)
  })

  it('reads all there is on another host where its checkpoint has no time', async () => {
    await using server = await fakeArchive(OLD)
    await using other = await fakeArchive(OLD)
    const named = { store: memoryCursorStore(), name: 'spec' }
    const nothing = { collections: ['com.example.nothing'], kinds: ['commit'] as const }
    const first = reading(server, { ...nothing, checkpoint: named })
    // The archive has nothing for it: its tip is passed, and then the socket is open.
    const isOpen = ({ connection, wire }: StreamMetrics) =>
      connection.state === 'open' && wire === 'v2'
    await lastValueFrom(first.events$.pipe(takeUntil(first.metrics$.pipe(filter(isOpen)))), {
      defaultValue: undefined,
    })
    const [saved = ''] = [...named.store.positions.values()]
    expect(JSON.parse(saved)).toMatchObject({ position: 300, time_us: 0 })
    const { events$, gaps } = reading(other, { checkpoint: named })
    const events = await lastValueFrom(events$.pipe(take(400), toArray()))
    expect(seqsOf(events)).toEqual(seqsOf(other.events))
    expect(gaps).toEqual([])
  })

  it('reads the rest of the archive under a filter that changes', async () => {
    await using server = await fakeArchive({ events: 300, sealed: 300, planMaxEntries: 1 })
    const filters$ = new Subject<JetstreamFilters>()
    const { events$, gaps } = reading(server, { filters$ })
    const seen: JetstreamEvent[] = []
    const wanted = server.events.filter(
      (event, index) =>
        index < 100 ||
        (event.kind === 'commit' && event.commit.collection === 'app.bsky.feed.post'),
    )
    await firstValueFrom(
      events$.pipe(
        filter((event) => {
          seen.push(event)
          if (seen.length === 100)
            filters$.next({ collections: ['app.bsky.feed.post'], kinds: ['commit'] })
          return seen.length === wanted.length
        }),
      ),
    )
    expect(seqsOf(seen)).toEqual(seqsOf(wanted))
    expect(gaps).toEqual([])
  })

  it('sends the key to the archive alone', async () => {
    await using server = await fakeArchive({ ...OLD, apiKey: 'secret' })
    await expectEach(server, server.events, { archive: { apiKey: 'secret' } })
    expect(server.requests.map(({ headers }) => headers.authorization)).toContain('Bearer secret')
    expect(JSON.stringify(server.attempts.map(({ url, headers }) => [url, headers]))).not.toContain(
      'secret',
    )
  })

  it('refuses what cannot be, and never shows the key', () => {
    const wrong: readonly JetstreamConfig[] = [
      { archive: true },
      { archive: true, host: ['a.example', 'b.example'] },
      { archive: true, host: 'a.example', wire: 'v1' },
      { archive: true, host: 'a.example', maxMessageSizeBytes: 1000 },
      { archive: { apiKey: 'my secret' }, host: 'a.example' },
      { archive: 'my secret' as never, host: 'a.example' },
    ]
    for (const config of wrong) {
      expect(() => jetstream$(config)).toThrow(ConfigError)
      expect(() => jetstream$(config)).not.toThrow('my secret')
    }
  })
})
