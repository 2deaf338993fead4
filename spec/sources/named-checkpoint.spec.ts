import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastValueFrom, type Observable, take, takeWhile, toArray } from 'rxjs'
import { type EventFilters, wantedBy } from '../../src/atproto/filters.js'
import { type FileCursorStore, fileCursorStore } from '../../src/cursors/file.js'
import {
  type CheckpointOptions,
  type CursorStore,
  type FirehoseEvent,
  firehose$,
  type Gap,
  isCommit,
  type JetstreamConfig,
  type JetstreamEvent,
  jetstream$,
  labels$,
  listRepos$,
  type MemoryCursorStore,
  memoryCursorStore,
} from '../../src/index.js'
import {
  fakeFirehose,
  fakeJetstream,
  fakeLabels,
  fakeRepos,
  generateEvents,
} from '../../src/testing/index.js'

const POSTS = ['app.bsky.feed.post']
const LIKES = ['app.bsky.feed.like']
const BOTH = [...POSTS, ...LIKES]

type Named = Omit<CheckpointOptions, 'store'>
const NAMED: Named = { name: 'posts' }
const BACKFILL: Named = { ...NAMED, onFilterChange: 'backfill' }

type Event = JetstreamEvent | FirehoseEvent

const wants = (filters: EventFilters) => {
  const wanted = wantedBy(filters)
  return (event: Event) =>
    wanted(event.kind, event.did, event.kind === 'commit' ? event.commit.collection : undefined)
}

/** What is equal for an event of two runs, and for no other one. */
const idOf = (event: Event): string =>
  event.kind === 'commit'
    ? `${positionOf(event)} ${event.commit.collection}/${event.commit.rkey}`
    : `${positionOf(event)} ${event.kind}`

const positionOf = (event: Event): number => event.cursor ?? event.time_us
const savedIn = ({ positions }: MemoryCursorStore) => JSON.parse([...positions.values()][0] ?? '')

/** Resolves when the last checkpoint of what was unsubscribed is saved. */
const saved = () => new Promise(setImmediate)

async function first<E>(count: number, events$: Observable<E>): Promise<readonly E[]> {
  const events = await lastValueFrom(events$.pipe(take(count), toArray()))
  await saved()
  return events
}

/** One source on a server with a history, and what it reports. */
interface Stream {
  events$(filters: EventFilters, checkpoint?: CheckpointOptions): Observable<Event>
  readonly gaps: readonly Gap[]
  readonly lines: readonly string[]
}

const openStream: Readonly<Record<string, () => Promise<Stream & AsyncDisposable>>> = {
  'jetstream$ v1': () => jetstream('v1', 'legacy'),
  'jetstream$ v2': () => jetstream('v2', 'v2'),
  firehose$: async () => {
    const server = await fakeFirehose({ events: 300, stored: 'all', generate: { repos: 5 } })
    return stream(server, (config) => firehose$({ ...config, host: server.url, cursor: 'oldest' }))
  },
}

async function jetstream(wire: 'v1' | 'v2', kind: 'legacy' | 'v2') {
  const generate = { repos: 5 }
  const server = await fakeJetstream({ events: 300, stored: 'all', server: kind, generate })
  return stream(server, (config) =>
    jetstream$({ ...config, wire, host: server.host, cursor: 'oldest' }),
  )
}

function stream(
  server: AsyncDisposable,
  source: (config: Omit<JetstreamConfig, 'cursor' | 'host'>) => Observable<Event>,
): Stream & AsyncDisposable {
  const [gaps, lines]: [Gap[], string[]] = [[], []]
  const observers = {
    gaps: { next: (gap: Gap) => gaps.push(gap) },
    log: { warn: (line: string) => lines.push(line) },
  }
  return {
    events$: (filters, checkpoint) => source({ ...filters, ...observers, checkpoint }),
    gaps,
    lines,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

describe.each(Object.keys(openStream))('a name of %s', (source) => {
  const open = openStream[source] as () => Promise<Stream & AsyncDisposable>

  /** A run with posts alone, which ends in the middle; and all that the server has. */
  async function afterPosts(one: Stream) {
    const store = memoryCursorStore()
    const all = await first(300, one.events$({}))
    await first(30, one.events$({ collections: POSTS }, { store, ...NAMED }))
    return { store, all, ...savedIn(store) }
  }

  it('keeps the place when the filter changes, which `log` tells', async () => {
    await using one = await open()
    const { store, all, position } = await afterPosts(one)
    const expected = all
      .filter(wants({ collections: BOTH }))
      .filter((e: Event) => positionOf(e) >= position)
    const events$ = one.events$({ collections: BOTH }, { store, ...NAMED })
    const events = await first(expected.length - 40, events$)
    expect(events.map(idOf)).toEqual(expected.slice(0, -40).map(idOf))
    expect([one.gaps, one.lines]).toEqual([
      [],
      [expect.stringMatching(/^the filter of the stream .*posts.* has changed: it goes on from/)],
    ])
    expect(savedIn(store).filter).toEqual({ collections: [...BOTH].sort() })
    await first(1, one.events$({ collections: BOTH }, { store, ...NAMED }))
    await first(1, one.events$({ collections: POSTS }, { store, ...NAMED }))
    expect(one.lines).toHaveLength(1)
  })

  it('reads what a filter newly takes from its beginning, over kills in the middle', async () => {
    await using one = await open()
    const { store, all, position } = await afterPosts(one)
    const [isPost, isWanted] = [wants({ collections: POSTS }), wants({ collections: BOTH })]
    const expected = all.filter(
      (e: Event) => isWanted(e) && (positionOf(e) >= position || !isPost(e)),
    )
    const before = expected.filter((e: Event) => positionOf(e) < position).length
    const seen: string[] = []
    const read = async (count: number) => {
      const events$ = one.events$({ collections: BOTH }, { store, ...BACKFILL })
      const ids = (await first(count, events$)).map(idOf)
      // The last event of a run comes again, with the others of its commit.
      const from = seen.indexOf(ids[0] as string)
      expect(seen.length === 0 || from >= seen.length - 3).toBe(true)
      seen.splice(Math.max(from, 0), seen.length, ...ids)
    }
    await read(Math.floor(before / 3))
    expect(savedIn(store).delivered).toEqual([
      {
        host: expect.any(String),
        position,
        time_us: expect.any(Number),
        filter: { collections: POSTS },
      },
    ])
    await read(Math.floor(before / 3))
    await read(expected.length - Math.ceil((before * 2) / 3) - 10)
    expect(seen).toEqual(expected.slice(0, seen.length).map(idOf))
    expect(seen.length).toBeGreaterThan(before + 20)
    expect([one.gaps, one.lines]).toEqual([
      [],
      [expect.stringMatching(/is read from the oldest event.*has delivered is left out$/)],
    ])
    expect(savedIn(store).delivered).toBeUndefined()
  })

  it('begins nothing again where the filter is narrower', async () => {
    await using one = await open()
    const store = memoryCursorStore()
    const [isPost, isWanted] = [wants({ collections: POSTS }), wants({ collections: BOTH })]
    const all = (await first(300, one.events$({}))).filter(isWanted)
    // The last event is one that the narrower filter wants: a legacy server repeats it.
    const count = all.findIndex((event, index) => index > 30 && isPost(event)) + 1
    await first(count, one.events$({ collections: BOTH }, { store, ...NAMED }))
    const { position } = savedIn(store)
    const expected = all.filter((event) => isPost(event) && positionOf(event) >= position)
    const events = await first(5, one.events$({ collections: POSTS }, { store, ...BACKFILL }))
    expect(events.map(idOf)).toEqual(expected.slice(0, 5).map(idOf))
    expect([one.gaps, one.lines]).toEqual([[], []])
  })

  it('finds the position from before it was given, while the filter is the same', async () => {
    await using one = await open()
    const store = memoryCursorStore()
    const filters = { collections: POSTS }
    const [last] = (await first(30, one.events$(filters, { store }))).slice(-1)
    const [again] = await first(1, one.events$(filters, { store, ...NAMED }))
    expect(positionOf(again as Event)).toBe(positionOf(last as Event))
    expect([...store.positions.keys()].map((key) => key.includes('"posts"'))).toEqual([false, true])
    expect(one.lines).toEqual([])
  })

  it('is that of a file too, which then keeps its place over a change of the filter', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'named-'))
    const path = join(folder, 'cursor.json')
    const opened: FileCursorStore[] = []
    const file = () => {
      const store = fileCursorStore(path)
      opened.push(store)
      return store
    }
    const closed = async () => {
      for (const store of opened.splice(0)) await store.close()
    }
    try {
      await using one = await open()
      const [last] = (
        await first(30, one.events$({ collections: POSTS }, { store: file() }))
      ).slice(-1)
      await closed()
      await expect(first(1, one.events$({ collections: BOTH }, { store: file() }))).rejects.toThrow(
        /belongs to the stream .* name the stream \(`checkpoint: \{ store, name \}`\)/,
      )
      await first(1, one.events$({ collections: POSTS }, { store: file(), ...NAMED }))
      await closed()
      expect(JSON.parse(readFileSync(path, 'utf8')).key).toContain('"posts"')
      const [again] = await first(
        1,
        one.events$({ collections: BOTH }, { store: file(), ...NAMED }),
      )
      expect(positionOf(again as Event)).toBe(positionOf(last as Event))
    } finally {
      await closed()
      rmSync(folder, { recursive: true })
    }
  })

  it("is what a store of one's own is told to use where it finds nothing", async () => {
    await using one = await open()
    const positions = new Map<string, string>()
    const store: CursorStore = {
      load: async (key) => positions.get(key),
      save: async (key, position) => void positions.set(key, position),
    }
    const nothing = /^the store has no position for the stream .*checkpoint: \{ store, name \}/
    await first(5, one.events$({ collections: POSTS }, { store }))
    expect(one.lines).toEqual([expect.stringMatching(nothing)])
    await first(5, one.events$({ collections: POSTS }, { store }))
    expect(one.lines).toHaveLength(1)
    await first(5, one.events$({ collections: BOTH }, { store }))
    expect(one.lines).toHaveLength(2)
    await first(5, one.events$({ collections: BOTH }, { store, ...NAMED }))
    expect(one.lines).toHaveLength(2)
  })
})

it('a filter that hides all before it is no gap, on a server without numbers', async () => {
  const events = [...generateEvents({ count: 300, repos: 5 })].filter(isCommit)
  const collections = events.map(({ commit }) => commit.collection)
  // The collection that the log has last of all.
  const begins = Math.max(...collections.map((nsid) => collections.indexOf(nsid)))
  const count = collections.slice(0, begins).filter((nsid) => LIKES.includes(nsid)).length
  await using server = await fakeJetstream({ events, stored: 'all' })
  const gaps: Gap[] = []
  const checkpoint = { store: memoryCursorStore(), ...NAMED }
  const read = (filters: EventFilters) =>
    jetstream$({
      ...filters,
      host: server.host,
      wire: 'v1',
      cursor: 'oldest',
      checkpoint,
      gaps: { next: (gap) => gaps.push(gap) },
      log: false,
    })
  await first(count, read({ collections: LIKES }))
  const [event] = await first(1, read({ collections: [collections[begins] ?? ''] }))
  expect([event, gaps]).toEqual([events[begins], []])
})

it('a backfill tells as a gap what the server no longer has of the earlier filter', async () => {
  await using server = await fakeJetstream({
    events: 100,
    stored: 'all',
    server: 'v2',
    retainEvents: 60,
    generate: { repos: 5 },
  })
  const host = `ws://${server.host}/xrpc/network.bsky.jetstream.subscribeEvents`
  const [{ cursor: oldest = 0 } = {}] = await first(1, jetstream$({ host, cursor: 'oldest' }))
  const position = { host, position: oldest - 20, time_us: 1, filter: { collections: POSTS } }
  const store = memoryCursorStore([['jetstream "posts"', JSON.stringify(position)]])
  const gaps: Gap[] = []
  const config = { host, collections: BOTH, gaps: { next: (gap: Gap) => gaps.push(gap) } }
  const checkpoint = { store, ...BACKFILL }
  const [{ cursor } = {}] = await first(1, jetstream$({ ...config, checkpoint, log: false }))
  expect(gaps).toEqual([
    { host, from: oldest - 20, to: cursor, reason: 'cursor-too-old', recoverable: false },
  ])
})

describe('the name of a stream without filters', () => {
  it('stands for a labeler, with its host', async () => {
    await using server = await fakeLabels({ events: 10, stored: 'all' })
    const store = memoryCursorStore()
    await first(
      5,
      labels$({ host: server.url, cursor: 'oldest', checkpoint: { store, name: 'mod' } }),
    )
    expect([...store.positions.keys()]).toEqual([
      `labels "mod" ${server.url}/xrpc/com.atproto.label.subscribeLabels`,
    ])
  })

  it('stands for a listing, with its host, and finds the position from before', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const host = `${server.url}/xrpc/com.atproto.sync.listRepos`
    const store = memoryCursorStore([[`repos ${host}`, '{"pages":3,"completed":true}']])
    const repos$ = listRepos$({ host: server.url, checkpoint: { store, name: 'all' } })
    expect(
      await lastValueFrom(
        repos$.pipe(
          takeWhile(() => true),
          toArray(),
        ),
      ),
    ).toEqual([])
    expect(server.requests).toHaveLength(0)
  })
})

it.each<[string, Named | object, RegExp]>([
  ['an empty name', { name: '' }, /`checkpoint.name` must not be empty/],
  ['a policy without a name', { onFilterChange: 'backfill' }, /needs a `name`/],
  [
    'a format of its own',
    { name: 'posts', positionFormat: { write: String, read: Number } },
    /cannot have both `name` and `positionFormat`/,
  ],
])('%s is a mistake at the call, of every source', (_, options, says) => {
  const checkpoint = {
    store: memoryCursorStore(),
    ...options,
  } as unknown as CheckpointOptions<never>
  const sources = [
    () => jetstream$({ checkpoint }),
    () => firehose$({ host: 'ws://a', checkpoint }),
    () => labels$({ host: 'ws://a', checkpoint }),
    () => listRepos$({ checkpoint }),
  ]
  for (const source of sources) expect(source).toThrow(says)
})
