import { BehaviorSubject, Subject, tap } from 'rxjs'
import {
  type JetstreamConfig,
  type JetstreamEvent,
  type JetstreamFilters,
  memoryCursorStore,
} from '../../src/index.js'
import {
  type FakeJetstream,
  type FakeJetstreamOptions,
  fakeJetstream,
} from '../../src/testing/index.js'
import { cursorsOf, first, until, type Watched, watched } from './watched.js'

const startUs = (Date.now() - 600_000) * 1000
const LIKE = 'app.bsky.feed.like'
/** Ten a second; every third is of the collection that is read. */
const event = (n: number, collection = n % 3 === 0 ? LIKE : 'app.bsky.feed.post'): JetstreamEvent =>
  ({
    did: `did:web:d${n}`,
    time_us: startUs + n * 100_000,
    kind: 'commit',
    commit: { rev: `3l${n}`, operation: 'delete', collection, rkey: `r${n}` },
  }) as JetstreamEvent
const events = (from: number, to: number, collection?: string) =>
  Array.from({ length: to - from }, (_, n) => event(from + n, collection))
const aMinuteLater = (one: JetstreamEvent): JetstreamEvent => ({
  ...one,
  time_us: one.time_us + 60_000_000,
})
const isLast = (n: number) => (one: JetstreamEvent) => one.did === `did:web:d${n}`
const namesOf = (seen: readonly JetstreamEvent[]) =>
  seen.map(({ did }) => Number(did.slice('did:web:d'.length)))
const likes = (from: number, to: number) => namesOf(events(from, to)).filter((n) => n % 3 === 0)

const WIRES = [
  ['v2', 'v2'],
  ['v1 of a v2 server', 'v1'],
] as const

const serve = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({ server: 'v2', firstSeq: 1000, events: events(0, 200), stored: 'all', ...options })
const read = (server: FakeJetstream, wire: 'v1' | 'v2', config: JetstreamConfig = {}): Watched =>
  watched(server, { wire, host: server.host, collections: [LIKE], cursor: 'oldest', ...config })

/**
 * Reads all, loses the connection, and goes on after `meanwhile`: in one run, or in another with
 * what was saved.
 */
async function overLoss(
  server: FakeJetstream,
  wire: 'v1' | 'v2',
  how: 'one run' | 'a restart',
  meanwhile: () => void,
  last: number,
) {
  const store = memoryCursorStore()
  const config: JetstreamConfig = how === 'a restart' ? { checkpoint: { store, everyMs: 5 } } : {}
  const one = read(server, wire, config)
  const seen: JetstreamEvent[] = []
  const note = tap<JetstreamEvent>((next) => seen.push(next))
  if (how === 'one run') {
    const done = until(one.events$.pipe(note), isLast(last))
    await one.received(likes(0, 200).length)
    meanwhile()
    await done
    return { seen: namesOf(seen), gaps: one.gaps, metrics: one.metrics }
  }
  await first(likes(0, 200).length, one.events$.pipe(note))
  meanwhile()
  const other = read(server, wire, config)
  await until(other.events$.pipe(note), isLast(last))
  return { seen: namesOf(seen), gaps: [...one.gaps, ...other.gaps], metrics: other.metrics }
}

describe.each(WIRES)(
  'a log that was renumbered where a filter hides what stands at the cursor: wire %s',
  (_, wire) => {
    it.each(['one run', 'a restart'] as const)(
      'loses nothing and reports the gap, over %s',
      async (how) => {
        await using server = await serve()
        const crash = () => {
          server.restart({ lose: 40 })
          // Some others come first, so that another event stands at the cursor: no like.
          server.emit(...events(300, 302, 'a.b.c'), ...events(160, 260).map(aMinuteLater))
        }
        const { seen, gaps } = await overLoss(server, wire, how, crash, 258)
        expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(likes(0, 260))
        expect(gaps.map(({ reason, recoverable }) => [reason, recoverable])).toEqual([
          ['renumbered', true],
        ])
      },
    )
  },
)

describe.each(WIRES)('filters that change while no connection is open: wire %s', (_, wire) => {
  it('hide no renumbered log: nothing is lost, and the gap is reported', async () => {
    await using server = await serve()
    const filters$ = new Subject<JetstreamFilters>()
    const reconnect = { initialDelayMs: 500, jitter: 'none' } as const
    const source = read(server, wire, { filters$, reconnect })
    const seen: JetstreamEvent[] = []
    const done = until(source.events$.pipe(tap((one) => seen.push(one))), isLast(258))
    await source.received(likes(0, 200).length)
    server.restart({ lose: 40 })
    server.emit(...events(300, 302, 'a.b.c'), ...events(160, 260).map(aMinuteLater))
    await source.when(({ connection }) => connection.state === 'waiting')
    filters$.next({ collections: [LIKE, 'app.bsky.feed.repost'] })
    await done
    expect([...new Set(namesOf(seen))].sort((a, b) => a - b)).toEqual(likes(0, 260))
    expect(source.gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
  })
})

describe.each(WIRES)('a row that compaction removed at the cursor: wire %s', (_, wire) => {
  it.each(['one run', 'a restart'] as const)(
    'is no gap, and no event is missing or doubled, over %s',
    async (how) => {
      await using server = await serve()
      const compact = () => {
        expect(server.compact(({ seq }) => seq === 1198)).toBe(1)
        server.restart()
        server.emit(...events(200, 260))
      }
      const { seen, gaps } = await overLoss(server, wire, how, compact, 258)
      expect(seen).toEqual(likes(0, 260))
      expect(gaps).toEqual([])
    },
  )
})

describe.each(WIRES)(
  'a server that is set up anew, whose low numbers a filter hides: wire %s',
  (_, wire) => {
    it.each(['one run', 'a restart'] as const)(
      'is a gap, and all that it holds is read, over %s',
      async (how) => {
        await using server = await fakeJetstream({
          server: 'v2',
          firstSeq: 1,
          events: events(0, 200),
          stored: 'all',
        })
        const anew = () => {
          server.restart({ lose: 200 })
          // Likes come only where the numbers are higher than what was read.
          server.emit(...events(300, 520, 'a.b.c'), ...events(520, 560))
        }
        const { seen, gaps } = await overLoss(server, wire, how, anew, 558)
        expect([...new Set(seen)]).toEqual([...likes(0, 200), ...likes(520, 560)])
        expect(gaps.map(({ reason, recoverable }) => [reason, recoverable])).toEqual([
          ['cursor-too-old', false],
        ])
      },
    )
  },
)

describe.each(WIRES)('a log whose first rows a filter hides: wire %s', (_, name) => {
  it('is no gap where they are older than what was received', async () => {
    await using server = await serve({ retainEvents: 10 })
    server.compact(({ collection }) => collection === LIKE)
    const path = name === 'v1' ? 'subscribe' : 'xrpc/network.bsky.jetstream.subscribeEvents'
    const host = `ws://${server.host}/${path}`
    const mark = JSON.stringify({ host, position: 1198, time_us: event(198).time_us })
    const source = read(server, name, {
      checkpoint: { load: async () => mark, save: async () => {} },
    })
    const done = first(1, source.events$)
    await server.connected()
    server.emit(event(201))
    expect(namesOf(await done)).toEqual([201])
    expect(source.gaps).toEqual([])
    // What hides them is left out for one question.
    expect(server.connections.map(({ url }) => url.includes(LIKE))).toContain(false)
  })
})

describe('a legacy server whose last event is an hour ahead', () => {
  it('is asked by the next run for what came before that event: nothing is skipped', async () => {
    const ahead = { ...event(300, LIKE), time_us: Date.now() * 1000 + 3_600_000_000 }
    await using server = await fakeJetstream({
      server: 'legacy',
      events: [...events(0, 200), ahead],
      stored: 'all',
    })
    const store = memoryCursorStore()
    const config = { checkpoint: { store, everyMs: 5 } }
    await until(read(server, 'v1', config).events$, isLast(300))
    const other = read(server, 'v1', config)
    const seen = until(other.events$, isLast(258))
    await server.connected(2)
    server.emit(...events(200, 260))
    expect(namesOf(await seen)).toEqual(expect.arrayContaining(likes(200, 260)))
    expect(cursorsOf(server)[1]).toBe(event(198).time_us)
    expect(other.gaps).toEqual([])
  })
})

describe('another legacy server that lags behind', () => {
  it('takes over without a gap, and nothing is missing', async () => {
    const spaced = (from: number, to: number) =>
      events(from, to, LIKE).map((one, n) => ({
        ...one,
        time_us: startUs + (from + n) * 1_000_000,
      }))
    await using ahead = await fakeJetstream({
      server: 'legacy',
      events: spaced(0, 100),
      stored: 'all',
      faults: [
        { after: 100, do: 'close' },
        {
          onConnect: 2,
          times: Number.POSITIVE_INFINITY,
          do: 'refuse',
          status: 503,
          optional: true,
        },
      ],
    })
    await using behind = await fakeJetstream({
      server: 'legacy',
      events: spaced(0, 60),
      stored: 'all',
    })
    const source = watched(ahead, { host: [ahead.url, behind.url], cursor: 'oldest' })
    const seen: JetstreamEvent[] = []
    const done = until(source.events$.pipe(tap((one) => seen.push(one))), isLast(119))
    await behind.connected(2)
    behind.emit(...spaced(60, 120))
    await done
    expect([...new Set(namesOf(seen))].sort((a, b) => a - b)).toEqual(namesOf(spaced(0, 120)))
    expect(source.gaps).toEqual([])
  })
})

describe('rows behind a sync, which wire v1 hides without any filter', () => {
  it('may stand at the cursor of a log that was renumbered: nothing is lost', async () => {
    await using server = await serve()
    const source = read(server, 'v1', { collections: undefined })
    const seen: JetstreamEvent[] = []
    const done = until(source.events$.pipe(tap((one) => seen.push(one))), isLast(219))
    await source.received(200)
    server.restart({ lose: 20 })
    const late = (n: number) => ({ ...event(n), time_us: startUs + (n + 600) * 100_000 })
    const did = 'did:web:synced'
    const sync = {
      did,
      time_us: startUs + 78_000_000,
      kind: 'sync',
      sync: { did, rev: '3l', seq: 1, time: '' },
    } as JetstreamEvent
    const hidden = Array.from({ length: 10 }, (_, n) => ({
      ...event(0),
      did,
      time_us: startUs + 78_000_001,
      commit: { rev: '3l', operation: 'delete', collection: 'a.b.c', rkey: `${n}` },
    })) as JetstreamEvent[]
    // 1180 to 1188 come again; 1189 to 1199 are the sync and what follows it.
    server.emit(
      ...Array.from({ length: 9 }, (_, n) => late(180 + n)),
      sync,
      ...hidden,
      ...Array.from({ length: 31 }, (_, n) => late(189 + n)),
    )
    await done
    expect([...new Set(namesOf(seen))].sort((a, b) => a - b)).toEqual(namesOf(events(0, 220)))
    expect(source.gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
  })
})

describe('a legacy server that is killed hard', () => {
  it.each(['one run', 'a restart'] as const)(
    'sends its unsynced end again under new times: no gap, and nothing is missing, over %s',
    async (how) => {
      await using server = await fakeJetstream({ events: events(0, 200), stored: 'all' })
      const crash = () => {
        server.restart({ lose: 20, again: 'all' })
        server.emit(...events(240, 300))
      }
      const { seen, gaps } = await overLoss(server, 'v1', how, crash, 297)
      expect([...new Set(seen)].sort((a, b) => a - b)).toEqual([
        ...likes(0, 200),
        ...likes(240, 300),
      ])
      expect(gaps).toEqual([])
    },
  )

  it('has a gap where nothing that we held comes again, though all may be there', async () => {
    await using server = await fakeJetstream({ events: events(0, 200), stored: 'all' })
    const source = watched(server, {
      cursor: (event(198).time_us ?? 0) - 100_000,
      collections: [LIKE],
    })
    const done = until(source.events$, isLast(297))
    await source.received(1)
    server.restart({ lose: 20, again: 'all' })
    server.emit(...events(240, 300))
    const seen = namesOf(await done)
    expect(seen).toEqual(expect.arrayContaining([...likes(180, 200), ...likes(240, 300)]))
    expect(source.gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
  })
})

describe('a position that is gone from the log of wire v1', () => {
  // Of two hundred the log has the last ten.
  const gone = (kind: 'legacy' | 'v2') =>
    fakeJetstream({
      server: kind,
      firstSeq: 1000,
      events: events(0, 200),
      stored: 'all',
      retainEvents: 10,
    })
  const starts = (kind: 'legacy' | 'v2', host: string) => {
    const position = kind === 'legacy' ? event(30).time_us : 1030
    const mark = JSON.stringify({
      host: `ws://${host}/subscribe`,
      position,
      time_us: event(30).time_us,
    })
    return [
      ['a stored checkpoint', { checkpoint: { load: async () => mark, save: async () => {} } }],
      ['a number', { cursor: kind === 'legacy' ? startUs - 7_200_000_000 : position }],
      ['a time that is long ago', { cursor: { ago: 10_800_000 } }],
    ] as const
  }
  const cases = (['legacy', 'v2'] as const).flatMap((kind) =>
    [0, 1, 2].map((index) => [kind, starts(kind, '')[index]?.[0] ?? '', index] as const),
  )

  it.each(cases)("ends the stream under 'fail', on a %s server: %s", async (kind, _, index) => {
    await using server = await gone(kind)
    const source = watched(server, {
      onCursorRefused: 'fail',
      ...starts(kind, server.host)[index]?.[1],
    })
    const message = expect.stringContaining('choose a newer `cursor`')
    await expect(first(1, source.events$)).rejects.toMatchObject({
      code: 'CURSOR_REFUSED',
      message,
    })
    expect(source.metrics.delivered).toBe(0)
    expect(source.gaps).toMatchObject([
      {
        reason: 'cursor-too-old',
        recoverable: false,
        to: kind === 'v2' && index < 2 ? 1190 : event(190).time_us,
      },
    ])
  })

  it.each(cases)(
    "is followed by what happens from now on under 'live', on a %s server: %s",
    async (kind, _, index) => {
      await using server = await gone(kind)
      const source = watched(server, {
        onCursorRefused: 'live',
        ...starts(kind, server.host)[index]?.[1],
      })
      const done = first(1, source.events$)
      await server.when(() =>
        server.connections.some(
          ({ cursor, closed }) => cursor === undefined && closed === undefined,
        ),
      )
      server.emit(event(500))
      expect(namesOf(await done)).toEqual([500])
      expect(source.gaps).toHaveLength(1)
    },
  )

  it.each(cases)(
    "is followed by the oldest event under 'oldest', on a %s server: %s",
    async (kind, _, index) => {
      await using server = await gone(kind)
      const source = watched(server, {
        onCursorRefused: 'oldest',
        ...starts(kind, server.host)[index]?.[1],
      })
      expect(namesOf(await first(10, source.events$))).toEqual(namesOf(events(190, 200)))
      expect(source.gaps).toHaveLength(1)
    },
  )

  it.each(['legacy', 'v2'] as const)(
    'is not suspected on a %s server whose log reaches back: a filter hid what is between',
    async (kind) => {
      await using server = await fakeJetstream({
        server: kind,
        firstSeq: 1000,
        events: [event(0), ...events(100, 200)],
        stored: 'all',
      })
      const late = { did: 'did:web:d7', time_us: startUs + 7_200_000_000 }
      server.emit({ ...event(7, LIKE), ...late })
      const cursor = kind === 'v2' ? 1001 : event(1).time_us
      const source = watched(server, {
        collections: [LIKE],
        dids: ['did:web:d7'],
        cursor,
        onCursorRefused: 'fail',
      })
      expect(namesOf(await first(1, source.events$))).toEqual([7])
      expect(source.gaps).toEqual([])
      // The first row of the log is asked for without the filter.
      expect(server.connections[1]?.url).not.toContain('wanted')
    },
  )
})

describe('filters$ as a BehaviorSubject beside a checkpoint', () => {
  it.each(WIRES)(
    'says the filter of the first dial: one dial, and a renumbered log is found out, on wire %s',
    async (_, wire) => {
      const store = memoryCursorStore()
      await using server = await serve()
      const config = {
        collections: undefined,
        checkpoint: { store, everyMs: 5 },
        filters$: new BehaviorSubject({ collections: [LIKE] }),
      }
      await first(67, read(server, wire, config).events$)
      expect(server.attempts).toHaveLength(1)
      server.restart({ lose: 40 })
      server.emit(...events(300, 302, 'a.b.c'), ...events(160, 260).map(aMinuteLater))
      const other = read(server, wire, config)
      const seen = namesOf(await until(other.events$, isLast(258)))
      expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(
        expect.arrayContaining(likes(160, 260)),
      )
      expect(other.gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
    },
  )

  it('counts no reconnect', async () => {
    await using server = await serve()
    const source = read(server, 'v2', {
      collections: undefined,
      filters$: new BehaviorSubject({ collections: [LIKE] }),
    })
    expect(namesOf(await first(67, source.events$))).toEqual(likes(0, 200))
    expect(source.metrics).toMatchObject({ reconnects: 0 })
    expect(server.attempts.map(({ params }) => params.getAll('collections'))).toEqual([[LIKE]])
  })
})

describe('a server that does not go on', () => {
  it.each(['legacy', 'v2'] as const)(
    'is a failed attempt each time: the %s one makes way for the next host, with one gap at most',
    async (kind) => {
      const stands = {
        onConnect: 1,
        times: Number.POSITIVE_INFINITY,
        do: 'stand-still',
        events: 5,
      } as const
      await using one = await fakeJetstream({
        server: kind,
        firstSeq: 1000,
        events: events(0, 5),
        stored: 'all',
        faults: [stands],
      })
      await using two = await fakeJetstream({
        server: kind,
        firstSeq: 1000,
        events: events(0, 50),
        stored: 'all',
      })
      const source = watched(one, { host: [one.url, two.url], cursor: 'oldest' })
      const seen = namesOf(await until(source.events$, isLast(49)))
      expect([...new Set(seen)]).toEqual(namesOf(events(0, 50)))
      expect(source.gaps.length).toBeLessThanOrEqual(1)
      expect(one.attempts.length).toBeLessThan(8)
    },
  )

  it('ends the stream by `maxAttempts` alone, after a backoff each time', async () => {
    const stands = {
      onConnect: 1,
      times: Number.POSITIVE_INFINITY,
      do: 'stand-still',
      events: 5,
    } as const
    await using server = await serve({ events: events(0, 5), faults: [stands] })
    const source = watched(server, {
      wire: 'v2',
      host: server.host,
      cursor: 'oldest',
      reconnect: { initialDelayMs: 1, jitter: 'none', maxAttempts: 4 },
    })
    await expect(first(1000, source.events$)).rejects.toMatchObject({ code: 'RECONNECT_EXHAUSTED' })
    expect(source.metrics.delivered).toBeLessThanOrEqual(30)
    expect(source.gaps.length).toBeLessThanOrEqual(1)
  })
})

describe('redials of our own', () => {
  it('say why, and are no failures; metrics name the wire', async () => {
    await using server = await serve()
    server.compact(({ seq }) => seq === 1198)
    const mark = JSON.stringify({
      host: `ws://${server.host}/xrpc/network.bsky.jetstream.subscribeEvents`,
      position: 1198,
      time_us: event(198).time_us,
    })
    const source = read(server, 'v2', {
      wire: 'auto',
      checkpoint: { load: async () => mark, save: async () => {} },
    })
    const done = first(1, source.events$)
    await server.connected()
    server.emit(...events(200, 202))
    expect(namesOf(await done)).toEqual([201])
    expect(cursorsOf(server)).toEqual([1198, event(198).time_us - 10_000_000])
    const reasons = source.snapshots.map(({ connection }) =>
      'redialled' in connection ? connection.redialled : undefined,
    )
    expect(reasons).toContainEqual(expect.stringContaining('does not repeat the event at 1198'))
    expect(source.metrics.wire).toBe('v2')
    expect(source.gaps).toEqual([])
  })
})
