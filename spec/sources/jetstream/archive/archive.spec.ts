import { filter, firstValueFrom, lastValueFrom, take, toArray } from 'rxjs'
import {
  type ArchiveConfig,
  archive$,
  boundedMergeMap,
  type Gap,
  isLive,
  type JetstreamEvent,
  memoryCursorStore,
  type StreamMetrics,
  streamMetrics,
} from '../../../../src/index.js'
import { type FakeArchive, fakeArchive, generateEvents } from '../../../../src/testing/index.js'

const AT_ONCE = { initialDelayMs: 1, maxDelayMs: 1 }

/** Reads an archive to its end. */
async function readAll(server: FakeArchive, config: Partial<ArchiveConfig> = {}) {
  const gaps: Gap[] = []
  const metrics$ = streamMetrics()
  const states: StreamMetrics[] = []
  metrics$.subscribe((metrics) => states.push(metrics))
  const events = await lastValueFrom(
    archive$({
      host: server.host,
      reconnect: AT_ONCE,
      gaps: { next: (gap) => gaps.push(gap) },
      metrics$,
      ...config,
    }).pipe(toArray()),
  )
  return { events, gaps, metrics: metrics$.value, states }
}

const requestsOf = (server: FakeArchive, method: string) =>
  server.requests.filter(({ url }) => url.includes(`.${method}`))

/** Compares the positions first: a list of events that differs is long. */
function expectSame(ours: readonly JetstreamEvent[], theirs: readonly JetstreamEvent[]): void {
  expect(ours.map(({ cursor }) => cursor)).toEqual(theirs.map(({ cursor }) => cursor))
  expect(ours).toEqual(theirs)
}

describe('archive$', () => {
  it('emits every sealed event as the socket sends it, and completes', async () => {
    await using server = await fakeArchive({ events: 500, sealed: 450 })
    const { events, gaps, metrics } = await readAll(server)
    expect(events).toEqual(server.events.slice(0, 450))
    expect(gaps).toEqual([])
    expect(metrics).toMatchObject({
      connection: { state: 'closed' },
      wire: 'archive',
      delivered: 450,
      cursor: 450,
      archive: { from: 0, at: 450, tip: 450, percent: 100, rows: 450, plans: 1 },
    })
    expect(events.some(isLive)).toBe(false)
  })

  it('emits what the filters want, of whole segments and of blocks', async () => {
    const events = [...generateEvents({ count: 2000, seed: 5, repos: 40 })]
    await using server = await fakeArchive({ events })
    const [did = ''] = server.events.map((event) => event.did)
    const filters: readonly Partial<ArchiveConfig>[] = [
      { collections: ['app.bsky.feed.post'] },
      { collections: ['app.bsky.graph.*'], kinds: ['commit'] },
      { dids: [did] },
      { dids: [did], kinds: ['identity', 'account'] },
      { collections: ['com.example.nothing'], kinds: ['commit'] },
    ]
    for (const wants of filters) {
      const { events: read, gaps } = await readAll(server, wants)
      const { collections, dids, kinds } = wants
      const wanted = server.events.filter(
        (event) =>
          (dids?.includes(event.did) ?? true) &&
          ((kinds as readonly string[] | undefined)?.includes(event.kind) ?? true) &&
          (event.kind !== 'commit' ||
            (collections?.some((name) =>
              event.commit.collection.startsWith(name.replace('.*', '.')),
            ) ??
              true)),
      )
      expectSame(read, wanted)
      expect(gaps).toEqual([])
    }
    expect(requestsOf(server, 'getSegment').length).toBeGreaterThan(0)
    expect(requestsOf(server, 'getBlock').length).toBeGreaterThan(0)
  })

  it('takes DID lists above the limit of a plan, in one order', async () => {
    await using server = await fakeArchive({
      events: [...generateEvents({ count: 1000, repos: 60 })],
      planMaxEntries: 3,
    })
    const known = [...new Set(server.events.map(({ did }) => did))]
    const others = Array.from({ length: 10_000 }, (_, index) => `did:plc:${index}`)
    const [half, rest] = [known.slice(0, 20), known.slice(20, 40)]
    const { events } = await readAll(server, { dids: [...half, ...others, ...rest] })
    const wanted = new Set([...half, ...rest])
    expectSame(
      events,
      server.events.filter(({ did }) => wanted.has(did)),
    )
  })

  it('reads a plan in pages, up to the tip of the first one', async () => {
    await using server = await fakeArchive({ events: 600, planMaxEntries: 1, rowsPerBlock: 8 })
    const read = archive$({ host: server.host })
    const events = await lastValueFrom(read.pipe(toArray()))
    expectSame(events, server.events)
    const bodies = requestsOf(server, 'planSnapshot')
    expect(bodies.length).toBeGreaterThan(8)
  })

  it('starts at a position, and at a time', async () => {
    await using server = await fakeArchive({ events: 500 })
    const { time_us } = server.events[299] as JetstreamEvent
    const fromSeq = await readAll(server, { cursor: 300 })
    expect(fromSeq.events.map(({ cursor }) => cursor)).toEqual(seqs(300, 500))
    const fromTime = await readAll(server, { cursor: time_us })
    expect(fromTime.events.map(({ cursor }) => cursor)).toEqual(seqs(300, 500))
  })

  it('completes at once where nothing is as new', async () => {
    await using server = await fakeArchive({ events: 100 })
    const { events, metrics } = await readAll(server, { cursor: 500 })
    expect(events).toEqual([])
    expect(metrics.cursor).toBeUndefined()
    expect((await readAll(server, { cursor: new Date() })).events).toEqual([])
  })

  it('goes on from its checkpoint, up to what is the tip then', async () => {
    await using server = await fakeArchive({ events: 500, sealed: 300 })
    const checkpoint = { store: memoryCursorStore(), everyMs: 1 }
    const first = await lastValueFrom(
      archive$({ host: server.host, checkpoint }).pipe(take(100), toArray()),
    )
    expect(first.map(({ cursor }) => cursor)).toEqual(seqs(1, 100))
    const second = await readAll(server, { checkpoint })
    expect(second.events.map(({ cursor }) => cursor)).toEqual(seqs(100, 300))
    server.seal()
    const third = await readAll(server, { checkpoint })
    // The last event comes again: a stored position does not say whether it is done with.
    expect(third.events.map(({ cursor }) => cursor)).toEqual(seqs(300, 500))
    expect(third.gaps).toEqual([])
  })

  it('reads what a changed filter newly takes, without what was delivered before', async () => {
    await using server = await fakeArchive({ events: 500, sealed: 300 })
    const store = memoryCursorStore()
    const POSTS = ['app.bsky.feed.post']
    const named = { store, name: 'export' }
    const first = await readAll(server, { collections: POSTS, checkpoint: named })
    server.seal()
    const checkpoint = { ...named, onFilterChange: 'backfill' as const }
    const { events, metrics } = await readAll(server, { checkpoint, log: false })
    const delivered = new Set(first.events.map(({ cursor }) => cursor))
    expectSame(
      events,
      server.events.filter(({ cursor }) => !delivered.has(cursor)),
    )
    expect(metrics.archive).toMatchObject({ percent: 100 })
  })

  it('stores how far it came where a changed filter newly takes nothing', async () => {
    await using server = await fakeArchive({ events: 500, sealed: 300 })
    const store = memoryCursorStore()
    const named = { store, name: 'export' }
    await readAll(server, { collections: ['app.bsky.feed.post'], checkpoint: named })
    const checkpoint = { ...named, onFilterChange: 'backfill' as const }
    const collections = ['app.bsky.feed.post', 'com.example.nothing']
    await readAll(server, { collections, checkpoint, log: false })
    const saved = () => JSON.parse([...store.positions.values()][0] ?? '')
    expect(saved().position).toBe(300)
    await readAll(server, { collections: ['com.example.less'], checkpoint, log: false })
    expect(saved().position).toBe(300)
    server.seal()
    const { metrics } = await readAll(server, { collections: ['com.example.less'], checkpoint })
    expect(metrics.archive).toMatchObject({ from: 299, tip: 500 })
  })

  it('stores the time of a position that it passed without an event', async () => {
    await using server = await fakeArchive({ events: 512 })
    const tip = server.events.at(-1) as JetstreamEvent
    const [other] = server.events
      .slice(-16)
      .flatMap((event) => (event.kind === 'commit' ? event.commit.collection : []))
      .filter((name) => tip.kind !== 'commit' || name !== tip.commit.collection)
    const store = memoryCursorStore()
    const wants = { collections: [other ?? ''], kinds: ['commit' as const] }
    const { events } = await readAll(server, { ...wants, checkpoint: { store } })
    expect(events.at(-1)?.cursor).toBeLessThan(512)
    const [saved = ''] = [...store.positions.values()]
    expect(JSON.parse(saved)).toMatchObject({ position: 512, time_us: tip.time_us })
  })

  it('completes when the work on the last event is done, and that is saved', async () => {
    await using server = await fakeArchive({ events: 50 })
    const store = memoryCursorStore()
    const done: number[] = []
    await lastValueFrom(
      archive$({ host: server.host, checkpoint: { store, everyMs: 60_000 } }).pipe(
        boundedMergeMap(
          async ({ cursor = 0 }) => {
            await new Promise(setImmediate)
            done.push(cursor)
          },
          { capacity: 8 },
        ),
      ),
    )
    expect(done).toEqual(seqs(1, 50))
    const [saved = ''] = [...store.positions.values()]
    expect(JSON.parse(saved).position).toBe(50)
  })

  it('reads and downloads nothing more while a queue is full', async () => {
    await using server = await fakeArchive({ events: 400, planMaxEntries: 1 })
    const metrics$ = streamMetrics()
    const waiting: (() => void)[] = []
    const finished = lastValueFrom(
      archive$({ host: server.host, metrics$ }).pipe(
        boundedMergeMap(() => new Promise<void>((resolve) => waiting.push(resolve)), {
          capacity: 4,
        }),
      ),
    )
    await firstValueFrom(metrics$.pipe(filter(({ connection: { state } }) => state === 'paused')))
    const { delivered } = metrics$.value
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    expect(metrics$.value.delivered).toBe(delivered)
    expect(delivered).toBeLessThan(10)
    expect(requestsOf(server, 'planSnapshot')).toHaveLength(1)
    let isOver = false
    const ended = finished.finally(() => {
      isOver = true
    })
    while (!isOver) {
      waiting.shift()?.()
      await new Promise(setImmediate)
    }
    await ended
    expect(metrics$.value).toMatchObject({ delivered: 400, done: 400, reconnects: 0 })
  })
})

const seqs = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)
