import { BehaviorSubject, NEVER, of, Subject, tap } from 'rxjs'
import type { JetstreamFilters } from '../../../src/index.js'
import {
  type FakeJetstream,
  type FakeJetstreamOptions,
  fakeJetstream,
  generateEvents,
} from '../../../src/testing/index.js'
import { first, generated, type Watched, watched } from '../../traps/watched.js'

const LIKES = { collections: ['app.bsky.feed.like'], kinds: ['commit'] } as const
const POSTS = { collections: ['app.bsky.feed.post'], kinds: ['commit'] } as const
const ofCollection = (nsid: string, count: number, seed = 1, startUs?: number) =>
  [...generateEvents({ seed, count: count * 20, ...(startUs === undefined ? {} : { startUs }) })]
    .filter((event) => event.kind === 'commit' && event.commit.collection === nsid)
    .slice(0, count)

const collectionOf = (event: { kind: string; commit?: { collection: string } }) =>
  event.commit?.collection ?? event.kind

/** The servers of both kinds, and how each is read. */
const SERVERS = [
  ['wire v1 of a legacy server', { server: 'legacy' }, 'v1'],
  ['wire v1 of a v2 server', { server: 'v2' }, 'v1'],
  ['wire v2', { server: 'v2' }, 'v2'],
] as const

const reading = (server: FakeJetstream, wire: 'v1' | 'v2', config: object): Watched =>
  watched(server, { wire, host: server.host, filterChangesEveryMs: 0, ...config })

describe.each(SERVERS)('filters in flight on %s', (_, kind, wire) => {
  const serve = (options: FakeJetstreamOptions = {}) =>
    fakeJetstream({ ...kind, generate: { operationsPerCommit: 1, sharedTime: false }, ...options })

  it('replace the filters of the config from then on, whole', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const source = reading(server, wire, { ...LIKES, filters$ })
    const events: string[] = []
    const done = first(40, source.events$.pipe(tap((event) => events.push(collectionOf(event)))))
    await source.when(({ connection }) => connection.state === 'open')
    const likes = ofCollection('app.bsky.feed.like', 20)
    server.emit(...likes)
    await source.received(20)
    await server.idle()
    const before = events.length
    filters$.next(POSTS)
    await changed(server, wire)
    server.emit(...generateEvents({ seed: 2, count: 400, startUs: Date.UTC(2026, 0, 2) * 1000 }))
    await done
    expect(new Set(events.slice(0, before))).toEqual(new Set(['app.bsky.feed.like']))
    expect(new Set(events.slice(before))).toEqual(new Set(['app.bsky.feed.post']))
    expect(source.gaps).toEqual([])
  })

  it.each([
    [
      'before the first dial has ended',
      (filters: JetstreamFilters) => new BehaviorSubject(filters),
    ],
    ['and end there', (filters: JetstreamFilters) => of(filters)],
  ])('that come %s hold for that connection too', async (_when, filtersOf) => {
    await using server = await serve()
    const source = reading(server, wire, { ...LIKES, filters$: filtersOf(POSTS) })
    const events = first(10, source.events$)
    await server.when(() => server.connections.some((connection) => serves(connection, wire)))
    server.emit(...generated(300))
    expect(new Set((await events).map(collectionOf))).toEqual(new Set(['app.bsky.feed.post']))
  })

  it('that come while nothing is connected hold for the next connection', async () => {
    await using server = await serve({
      faults: [{ onConnect: 1, times: 2, do: 'refuse', status: 503 }],
    })
    const filters$ = new Subject<JetstreamFilters>()
    const source = reading(server, wire, { ...LIKES, filters$ })
    const events = first(10, source.events$)
    await source.when(({ connection }) => connection.state === 'waiting')
    filters$.next(POSTS)
    await server.when(() =>
      server.connections.some((connection) => connection.url.includes('feed.post')),
    )
    server.emit(...generated(300))
    expect(new Set((await events).map(collectionOf))).toEqual(new Set(['app.bsky.feed.post']))
  })

  it('lose nothing of what both want, bring nothing twice, and open no gap', async () => {
    const likes = ofCollection('app.bsky.feed.like', 300)
    await using server = await serve({ events: likes, ratePerSecond: 2000 })
    const filters$ = new Subject<JetstreamFilters>()
    const source = reading(server, wire, { ...LIKES, filters$ })
    let seen = 0
    const events = await first(
      300,
      source.events$.pipe(
        tap(() => {
          seen += 1
          // Not in the call of `next`: a source's own events must not change it midway.
          if (seen % 60 === 0)
            setImmediate(() =>
              filters$.next({ ...LIKES, collections: [...LIKES.collections, `a.b.c${seen}`] }),
            )
        }),
      ),
    )
    expect(events.map(({ cursor, ...event }) => event)).toEqual(likes)
    expect(source.gaps).toEqual([])
  })

  it('open no gap where the new ones do not hold the event that was received last', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const source = reading(server, wire, { ...LIKES, filters$ })
    const events = first(30, source.events$)
    await source.when(({ connection }) => connection.state === 'open')
    server.emit(...ofCollection('app.bsky.feed.like', 20))
    await source.received(20)
    await server.idle()
    filters$.next(POSTS)
    await changed(server, wire)
    server.emit(...ofCollection('app.bsky.feed.post', 10, 5, Date.UTC(2026, 0, 2) * 1000))
    expect((await events).map(collectionOf).slice(20)).toEqual(
      Array.from({ length: 10 }, () => 'app.bsky.feed.post'),
    )
    expect(source.gaps).toEqual([])
  })

  it('change once in `filterChangesEveryMs`, and the newest wins', async () => {
    const startUs = Date.now() * 1000
    const posts = ofCollection('app.bsky.feed.post', 20, 1, startUs)
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const source = reading(server, wire, { ...LIKES, filters$, filterChangesEveryMs: 200 })
    const seen: string[] = []
    const events = first(20, source.events$.pipe(tap((event) => seen.push(collectionOf(event)))))
    await source.when(({ connection }) => connection.state === 'open')
    for (let count = 1; count <= 50; count += 1)
      filters$.next({ ...LIKES, collections: [`a.b.c${count}`] })
    filters$.next(POSTS)
    await changed(server, wire)
    server.emit(...posts)
    expect((await events).map(({ cursor, ...event }) => event)).toEqual(posts)
    const changes =
      wire === 'v2'
        ? server.attempts.length - 1
        : server.connections.reduce((sum, { messages }) => sum + messages.length, 0)
    expect(changes).toBe(2)
  })

  it('that are wrong end the stream, also those that never come into force', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const source = reading(server, wire, { ...LIKES, filters$ })
    const end = first(1, source.events$)
    await source.when(({ connection }) => connection.state === 'open')
    filters$.next(POSTS)
    filters$.next({ collections: ['no nsid'] })
    await expect(end).rejects.toMatchObject({ code: 'CONFIG' })
  })

  it.each<JetstreamFilters>([{ dids: [] }, { collections: [] }])(
    'that are %j mean nobody: nothing is dialled until the list fills',
    async (nobody) => {
      await using server = await serve({ events: 200 })
      const filters$ = new BehaviorSubject<JetstreamFilters>(nobody)
      const source = reading(server, wire, { filters$, cursor: 'oldest' })
      const events = first(5, source.events$)
      await source.when(({ connection }) => connection.state === 'paused')
      expect(server.attempts).toHaveLength(0)
      filters$.next(POSTS)
      expect(new Set((await events).map(collectionOf))).toEqual(new Set(['app.bsky.feed.post']))
      expect(source.metrics).toMatchObject({ reconnects: 0 })
    },
  )

  it('that mean nobody close the connection, and the next ones go on where it was', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const source = reading(server, wire, { ...LIKES, filters$ })
    const events = first(30, source.events$)
    await source.when(({ connection }) => connection.state === 'open')
    server.emit(...ofCollection('app.bsky.feed.like', 20))
    await source.received(20)
    filters$.next({ dids: [] })
    await source.when(({ connection }) => connection.state === 'paused')
    await server.when(() => server.connections[0]?.closed !== undefined)
    server.emit(...ofCollection('app.bsky.feed.like', 10, 5, Date.UTC(2026, 0, 2) * 1000))
    filters$.next(LIKES)
    expect((await events).map(collectionOf)).toEqual(Array(30).fill('app.bsky.feed.like'))
    expect(source.gaps).toEqual([])
  })

  it('that are not valid end the stream with a ConfigError', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const events = first(1, reading(server, wire, { filters$ }).events$)
    await server.connected()
    filters$.next({ collections: ['nope'] })
    await expect(events).rejects.toMatchObject({ code: 'CONFIG', callee: 'filters$' })
    expect(server.connections.flatMap(({ messages }) => messages)).toEqual([])
  })

  it('end the stream with their own error, and may never come', async () => {
    await using server = await serve({ events: 5 })
    expect(await first(5, reading(server, wire, { filters$: NEVER }).events$)).toHaveLength(5)
    const filters$ = new Subject<JetstreamFilters>()
    const failing = first(1, reading(server, wire, { filters$ }).events$)
    await server.connected(2)
    filters$.error(new Error('the settings are gone'))
    await expect(failing).rejects.toThrow('the settings are gone')
  })
})

describe('an update on wire v1', () => {
  it.each(['legacy', 'v2'] as const)(
    'is one whole message, and no new connection, on a %s server',
    async (kind) => {
      await using server = await fakeJetstream({ server: kind })
      const filters$ = new Subject<JetstreamFilters>()
      const source = watched(server, {
        collections: ['a.b.c'],
        dids: ['did:web:x'],
        filters$,
        filterChangesEveryMs: 0,
      })
      const events = first(1, source.events$)
      await source.when(({ connection }) => connection.state === 'open')
      filters$.next({ collections: ['app.bsky.feed.post'], maxMessageSizeBytes: 100_000 })
      filters$.next({ dids: ['did:web:y'] })
      filters$.next({})
      await server.when(() => server.connections[0]?.messages.length === 3)
      expect(server.connections[0]?.messages.map((text) => JSON.parse(text))).toEqual([
        {
          type: 'options_update',
          payload: {
            wantedCollections: ['app.bsky.feed.post'],
            wantedDids: [],
            maxMessageSizeBytes: 100_000,
          },
        },
        {
          type: 'options_update',
          payload: { wantedCollections: [], wantedDids: ['did:web:y'], maxMessageSizeBytes: 0 },
        },
        {
          type: 'options_update',
          payload: { wantedCollections: [], wantedDids: [], maxMessageSizeBytes: 0 },
        },
      ])
      server.emit(...generated(1))
      await events
      expect(server.attempts).toHaveLength(1)
    },
  )
})

/** The server has heard of the new filter. */
async function changed(server: FakeJetstream, wire: 'v1' | 'v2'): Promise<void> {
  await server.when(() => server.connections.some((connection) => serves(connection, wire)))
}

const serves = (
  { url, messages, closed }: FakeJetstream['connections'][number],
  wire: 'v1' | 'v2',
) =>
  closed === undefined &&
  (url.includes('feed.post') ||
    (wire === 'v1' && messages.some((text) => text.includes('feed.post'))))
