import { lastValueFrom, NEVER, Subject, share, takeUntil } from 'rxjs'
import * as z from 'zod'
import type { JetstreamEvent } from '../../src/events.js'
import {
  boundedMergeMap,
  hold,
  ingest,
  isCreate,
  type JetstreamFilters,
  jetstream$,
  memoryCursorStore,
  type Release,
} from '../../src/index.js'
import { fakeJetstream } from '../../src/testing/index.js'
import { first, generated, timesOf, watched } from './watched.js'

/** The position in a memory store that has one key. */
const positionIn = (store: ReturnType<typeof memoryCursorStore>): number | undefined => {
  const [text] = [...store.positions.values()]
  return text === undefined ? undefined : (JSON.parse(text) as { position: number }).position
}

describe('a cursor that moves before the work', () => {
  it('is saved before the oldest unfinished event, and before one that failed', async () => {
    const events = generated(40)
    await using server = await fakeJetstream({ events })
    const store = memoryCursorStore()
    const saves: (number | undefined)[] = []
    const seen = new Map<number, Release>()
    const { events$, when } = watched(server, {
      checkpoint: {
        store: {
          load: store.load,
          save: async (key, text) =>
            store.save(key, text).then(() => void saves.push(positionIn(store))),
        },
        everyMs: 5,
      },
    })
    const subscription = events$.subscribe((event) => seen.set(event.time_us, hold()))
    await when(({ open }) => open === 40)
    const time = (index: number) => events[index]?.time_us ?? 0
    const finish = async (index: number, expected: number) => {
      seen.get(time(index))?.()
      if (positionIn(store) !== time(expected))
        await when(({ checkpoint }) => checkpoint === time(expected))
    }
    for (let index = 39; index > 20; index--) seen.get(time(index))?.()
    await finish(0, 1)
    for (const index of [5, 2, 4, 3]) seen.get(time(index))?.()
    await finish(1, 6)
    seen.get(time(6))?.failed()
    for (let index = 7; index <= 20; index++) seen.get(time(index))?.()
    subscription.unsubscribe()
    await when(({ open }) => open === 0)
    await new Promise(setImmediate)
    expect(positionIn(store)).toBe(time(6))
    expect(
      saves.every((position, index) => index === 0 || (position ?? 0) >= (saves[index - 1] ?? 0)),
    ).toBe(true)
  })
})

describe('a poison message', () => {
  it('one in 1,000 is one reject, with bytes and cursor; 999 are delivered', async () => {
    const events = generated(1000)
    const poison = JSON.stringify(events[500]).slice(0, -30)
    const log = events.map((event, index) => (index === 500 ? poison : event))
    await using server = await fakeJetstream({ events: log })
    const source = watched(server)
    const delivered = await first(999, source.events$)
    expect(delivered).toEqual(events.filter((_, index) => index !== 500))
    expect(source.rejects).toMatchObject([
      {
        frame: poison,
        length: poison.length,
        error: {
          code: 'FRAME',
          place: { position: events[500]?.time_us, time_us: events[500]?.time_us },
        },
      },
    ])
    expect(server.connections).toHaveLength(1)
  })

  it('that came last moved the position all the same: it is not asked for for ever', async () => {
    const events = generated(10)
    const { did, time_us } = events[9] ?? {}
    const poison = JSON.stringify({ did, time_us, kind: 'commit' })
    await using server = await fakeJetstream({
      events: [...events.slice(0, 9), poison],
      faults: [{ after: 10, do: 'drop' }],
    })
    const store = memoryCursorStore()
    const source = watched(server, { checkpoint: store })
    const subscription = source.events$.subscribe()
    const again = await server.connected(2)
    expect(again.cursor).toBe(`${events[9]?.time_us}`)
    await source.when(({ rejected }) => rejected === 2)
    subscription.unsubscribe()
    await source.when(({ checkpoint }) => checkpoint === events[9]?.time_us)
    expect(source.gaps).toEqual([])
  })

  it.each([
    ['binary', Uint8Array.of(1, 2, 255), 'binary'],
    ['text that is not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'text'],
    ['a list', '[]', 'text'],
    ['null', 'null', 'text'],
    ['an array 100,000 deep', '['.repeat(100_000), 'text'],
    ['a megabyte of noise', 'x'.repeat(1_000_000), 'text'],
  ] as const)('of %s is a reject, cut to what can be kept', async (_, frame, as) => {
    await using server = await fakeJetstream({
      events: 20,
      faults: [{ after: 10, do: 'garbage', frame, as }],
    })
    const source = watched(server)
    expect(await first(20, source.events$)).toEqual(generated(20))
    expect(source.rejects).toHaveLength(1)
    expect(source.rejects[0]?.frame.length).toBe(Math.min(frame.length, 65_536))
    expect(source.rejects[0]?.length).toBe(frame.length)
    expect(server.connections).toHaveLength(1)
  })
})

describe('the silent death of a worker', () => {
  const failures = {
    throws: () => {
      throw new Error('no')
    },
    rejects: () => Promise.reject(new Error('no')),
  }

  it.each(Object.entries(failures))(
    'a handler that %s errors the stream, and the checkpoint stays before its event',
    async (_, handler) => {
      const events = generated(10)
      await using server = await fakeJetstream({ events })
      const store = memoryCursorStore()
      const source = watched(server, { checkpoint: store })
      const work = boundedMergeMap((event: (typeof events)[number]) =>
        event.time_us === events[4]?.time_us ? handler() : Promise.resolve(),
      )
      await expect(lastValueFrom(source.events$.pipe(work))).rejects.toThrow('no')
      await source.when(({ checkpoint, open }) => checkpoint !== undefined && open === 0)
      expect(positionIn(store)).toBe(events[4]?.time_us)
      expect(source.metrics.failed).toBeGreaterThan(0)
    },
  )

  it.each(Object.entries(failures))(
    'an ingestor that %s for ever ends in the dead letter, and the others never wait for it',
    async (_, handler) => {
      await using server = await fakeJetstream({ events: 300 })
      const letters: unknown[] = []
      const source = watched(server)
      const options = {
        attempts: 2,
        backoff: { initialDelayMs: 1 },
        capacity: 1000,
        onDeadLetter: (event: unknown) => void letters.push(event),
      }
      const done = await first(
        300,
        source.events$.pipe(
          ingest({ 'app.bsky.feed.post': handler, '*': () => undefined }, options),
        ),
      )
      expect(done).toHaveLength(300)
      expect(letters).toEqual(
        expect.arrayContaining(
          generated(300).filter(
            (event) => event.kind === 'commit' && event.commit.collection === 'app.bsky.feed.post',
          ),
        ),
      )
    },
  )

  it('a handler that never settles is reported while it hangs, then times out', async () => {
    await using server = await fakeJetstream({ events: 5 })
    const slow: number[] = []
    const hanging = ingest(
      { '*': () => new Promise(() => undefined) },
      {
        slowAfterMs: 20,
        onSlow: (_, runningMs) => slow.push(runningMs),
        timeoutMs: 100,
        onError: 'fail',
      },
    )
    await expect(lastValueFrom(watched(server).events$.pipe(hanging))).rejects.toMatchObject({
      code: 'INGEST',
      cause: { code: 'INGEST_TIMEOUT' },
    })
    expect(slow.length).toBeGreaterThan(1)
  })
})

describe('identity events without a handle, and a queue without a bound', () => {
  it('every identity event comes, with a handle or without one', async () => {
    const identities = generated(3000).filter((event) => event.kind === 'identity')
    const bare = identities.filter(
      (event) => event.kind === 'identity' && event.identity.handle === undefined,
    )
    expect(bare.length).toBeGreaterThan(5)
    await using server = await fakeJetstream({ events: 3000 })
    expect(
      await first(identities.length, watched(server, { kinds: ['identity'] }).events$),
    ).toEqual(identities)
  })

  it('never more than `capacity` wait, and every event is handled', async () => {
    await using server = await fakeJetstream({ events: 2000 })
    const source = watched(server, { pauseCloseMs: 50 })
    let most = 0
    const work = boundedMergeMap(
      (event: ReturnType<typeof generated>[number]) => {
        most = Math.max(most, source.metrics.queued)
        return new Promise<typeof event>((resolve) => setImmediate(() => resolve(event)))
      },
      { capacity: 64, concurrency: 4 },
    )
    expect(timesOf(await first(2000, source.events$.pipe(work))).length).toBe(2000)
    expect(Math.max(most, ...source.snapshots.map(({ queued }) => queued))).toBeLessThanOrEqual(64)
    expect(source.metrics).toMatchObject({ dropped: 0, done: 2000 })
  })
})

describe('filters that wipe each other, sockets that leak, handlers all at once', () => {
  it('a change of one filter sends all of them: an update replaces all options', async () => {
    const filters$ = new Subject<JetstreamFilters>()
    await using server = await fakeJetstream({ events: 10 })
    const [did = ''] = generated(1).map((event) => event.did)
    const source = watched(server, { collections: ['app.bsky.feed.post'], dids: [did], filters$ })
    const subscription = source.events$.subscribe()
    await source.when((metrics) => metrics.connection.state === 'open')
    const connection = await server.connected()
    filters$.next({ collections: ['app.bsky.feed.like'], dids: [did], maxMessageSizeBytes: 900 })
    await server.when(() => connection.messages.length === 1)
    expect(JSON.parse(connection.messages[0] ?? '')).toEqual({
      type: 'options_update',
      payload: {
        wantedCollections: ['app.bsky.feed.like'],
        wantedDids: [did],
        maxMessageSizeBytes: 900,
      },
    })
    expect(server.connections).toHaveLength(1)
    subscription.unsubscribe()
    await server.closed()
  })

  it('a change while a connection is being made is not lost', async () => {
    const filters$ = new Subject<JetstreamFilters>()
    await using server = await fakeJetstream({ events: 200, stored: 'all' })
    const source = watched(server, {
      collections: ['app.bsky.feed.post'],
      kinds: ['commit'],
      cursor: 'oldest',
      filters$,
    })
    const subscription = source.events$.subscribe()
    filters$.next({ collections: ['app.bsky.feed.like'], kinds: ['commit'] })
    const likes = generated(200).filter(
      (event) => event.kind === 'commit' && event.commit.collection === 'app.bsky.feed.like',
    )
    const { delivered } = await source.when((metrics) => metrics.delivered + metrics.filtered > 10)
    subscription.unsubscribe()
    await server.closed()
    expect(delivered).toBe(likes.length)
  })

  it('two subscriptions are two connections; `share` makes them one', async () => {
    await using server = await fakeJetstream({ events: 10 })
    const { events$ } = watched(server)
    const subscriptions = [events$.subscribe(), events$.subscribe()]
    await server.connected(2)
    for (const subscription of subscriptions) subscription.unsubscribe()
    await server.closed(2)
    const shared$ = events$.pipe(share())
    const sharing = [shared$.subscribe(), shared$.subscribe()]
    await server.connected(3)
    for (const subscription of sharing) subscription.unsubscribe()
    await server.closed(3)
    expect(server.connections).toHaveLength(3)
  })

  it('never more handlers than `concurrency` run at once', async () => {
    await using server = await fakeJetstream({ events: 3000 })
    let running = 0
    let most = 0
    const handler = async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise(setImmediate)
      running -= 1
    }
    await first(3000, watched(server).events$.pipe(ingest({ '*': handler }, { concurrency: 8 })))
    expect(most).toBe(8)
  })
})

describe('the programs of a user', () => {
  it('checked records: what a schema refuses is a reject, its output is delivered', async () => {
    const post = z.object({ text: z.string().max(30), langs: z.array(z.string()).default(['und']) })
    const posts = generated(600).flatMap((event) =>
      event.kind === 'commit' &&
      event.commit.operation === 'create' &&
      event.commit.collection === 'app.bsky.feed.post'
        ? [event.commit]
        : [],
    )
    const good = posts.filter(({ record }) => post.safeParse(record).success)
    expect(good.length).toBeGreaterThan(10)
    expect(good.length).toBeLessThan(posts.length)
    await using server = await fakeJetstream({ events: 600 })
    const rejects: string[] = []
    const records: unknown[] = []
    const over = new Subject<void>()
    const events$ = jetstream$<{ 'app.bsky.feed.post': z.infer<typeof post> }>({
      wire: 'v1',
      host: server.url,
      collections: ['app.bsky.feed.post'],
      kinds: ['commit'],
      records: { 'app.bsky.feed.post': post },
      rejects: { next: ({ error }) => rejects.push(error.message) },
    })
    const subscription = events$.pipe(takeUntil(over)).subscribe((event) => {
      if (isCreate('app.bsky.feed.post')(event)) records.push(event.commit.record.langs)
    })
    await server.idle()
    await server.when(() => records.length >= good.length)
    over.next()
    subscription.unsubscribe()
    expect(records).toHaveLength(good.length)
    expect(rejects.length).toBeGreaterThanOrEqual(posts.length - good.length)
    expect(rejects[0]).toMatch(/^the record of \S+ is no app\.bsky\.feed\.post: text /)
  })

  it('your own work: a delivery stays open until the first call of `release`', async () => {
    const events = generated(3)
    await using server = await fakeJetstream({ events })
    const store = memoryCursorStore()
    const source = watched(server, { checkpoint: { store, everyMs: 5 } })
    const releases: Release[] = []
    const subscription = source.events$.subscribe(() => releases.push(hold()))
    await source.when(({ open }) => open === 3)
    releases[0]?.()
    releases[0]?.()
    await source.when(({ checkpoint }) => checkpoint === events[1]?.time_us)
    expect(source.metrics).toMatchObject({ held: 3, open: 2, done: 1 })
    releases[1]?.()
    releases[2]?.()
    await source.when(({ checkpoint }) => checkpoint === events[2]?.time_us)
    subscription.unsubscribe()
    expect(() => hold()).toThrow('outside a delivery')
  })

  it('stop well: what was taken is finished and saved before the stream completes', async () => {
    await using server = await fakeJetstream({ events: 500 })
    const store = memoryCursorStore()
    const stop$ = new Subject<void>()
    const handled: number[] = []
    const source = watched(server, { checkpoint: { store, everyMs: 60_000 } })
    const work = ingest<JetstreamEvent, '*'>(
      {
        '*': (event) =>
          new Promise<void>((resolve) =>
            setImmediate(() => resolve(void handled.push(event.time_us))),
          ),
      },
      { drainMs: 5000 },
    )
    const done = lastValueFrom(source.events$.pipe(takeUntil(stop$), work))
    await source.when(({ delivered }) => delivered > 50)
    stop$.next()
    await done
    expect(positionIn(store)).toBe(Math.max(...handled))
    expect(source.metrics).toMatchObject({
      connection: { state: 'closed' },
      open: 0,
      failed: 0,
      done: handled.length,
    })
  })

  it('stop well, with `drainMs` over: what was not finished comes again', async () => {
    const events = generated(100)
    await using server = await fakeJetstream({ events, faults: [] })
    const store = memoryCursorStore()
    const stop$ = new Subject<void>()
    const source = watched(server, { checkpoint: store })
    let count = 0
    const work = ingest(
      { '*': () => (++count <= 20 ? undefined : NEVER) },
      { drainMs: 50, capacity: 200 },
    )
    const done = lastValueFrom(source.events$.pipe(takeUntil(stop$), work))
    await source.received(100)
    stop$.next()
    await done
    expect(positionIn(store)).toBe(events[20]?.time_us)
    expect(source.metrics).toMatchObject({ done: 20, failed: 80, open: 0 })
  })
})
