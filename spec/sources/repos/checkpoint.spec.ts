import { interval, lastValueFrom, mergeMap, take, toArray } from 'rxjs'
import {
  boundedMergeMap,
  type CursorStore,
  CursorStoreError,
  held,
  hold,
  type ListingPosition,
  memoryCursorStore,
  type PositionFormat,
  type Release,
  type RepoEvent,
} from '../../../src/index.js'
import { type FakeRepos, fakeRepos, random } from '../../../src/testing/index.js'
import { didsOf, Listed } from './listed.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const keyOf = (server: FakeRepos): string => `repos ${server.url}/xrpc/com.atproto.sync.listRepos`
/** So many turns of the clock that saves. */
const ticks = (count: number) => lastValueFrom(interval(1).pipe(take(count)))
const often = (store: CursorStore) => ({ store, everyMs: 1 })

/** A memory store, and all that was ever saved in it. */
function logged(initial: Iterable<readonly [string, string]> = []) {
  const store = memoryCursorStore(initial)
  const saves: string[] = []
  const save = (key: string, position: string) => {
    saves.push(position)
    return store.save(key, position)
  }
  return { store: { ...store, save }, saves, positions: store.positions }
}

/** Holds every delivery until it is told. */
function holding(listed: Listed) {
  const holds: Release[] = []
  const state = { completed: false, error: undefined as unknown }
  const subscription = listed.repos$.subscribe({
    next: () => holds.push(hold()),
    complete: () => {
      state.completed = true
    },
    error: (error: unknown) => {
      state.error = error
    },
  })
  return { holds, state, subscription }
}

describe('the checkpoint of listRepos$', () => {
  it.each(['relay', 'pds'] as const)(
    'says that the listing of a %s is completed',
    async (style) => {
      await using server = await fakeRepos({ repos: 25, style })
      const store = memoryCursorStore()
      await lastValueFrom(new Listed(server, { checkpoint: store }).repos$)
      expect([...store.positions]).toEqual([[keyOf(server), '{"pages":3,"completed":true}']])
    },
  )

  it('moves when the repos of a page are done, and has the end only after the last', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const { store, saves } = logged()
    const listed = new Listed(server, { checkpoint: often(store) })
    const { holds, state } = holding(listed)
    const released = async (from: number, to: number, checkpoint: number | undefined) => {
      for (const release of holds.slice(from, to)) release()
      await ticks(3)
      if (checkpoint !== undefined)
        await listed.when((metrics) => metrics.checkpoint === checkpoint)
      return saves.at(-1)
    }
    await listed.received(25)
    expect(await released(0, 9, undefined)).toBeUndefined()
    expect(await released(9, 10, 1)).toBe('{"pages":1,"cursor":"10"}')
    // The third page before the second.
    expect(await released(20, 25, undefined)).toBe('{"pages":1,"cursor":"10"}')
    expect(await released(11, 20, undefined)).toBe('{"pages":1,"cursor":"10"}')
    expect(state.completed).toBe(false)
    expect(await released(10, 11, 3)).toBe('{"pages":3,"completed":true}')
    await listed.when(({ connection }) => connection.state === 'closed')
    expect(state.completed).toBe(true)
    expect(saves).toHaveLength(2)
  })

  it('is the text of a `positionFormat`, and goes on from such a text', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const positionFormat: PositionFormat<ListingPosition> = {
      write: ({ cursor, completed }) => (completed ? 'done' : cursor),
      read: (text) =>
        text === 'done' ? { pages: 0, completed: true } : { pages: 0, cursor: text },
    }
    const { store, positions } = logged([[keyOf(server), '10']])
    const checkpoint = { store, positionFormat }
    const listed = new Listed(server, { checkpoint })
    expect(await lastValueFrom(listed.repos$.pipe(toArray()))).toHaveLength(15)
    expect([...positions]).toEqual([[keyOf(server), 'done']])
    const again = new Listed(server, { checkpoint })
    expect(await lastValueFrom(again.repos$.pipe(toArray()))).toEqual([])
  })

  it('brings nothing and asks for nothing after a listing that was completed', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const store = memoryCursorStore()
    await lastValueFrom(new Listed(server, { checkpoint: store }).repos$)
    const again = new Listed(server, { checkpoint: store })
    expect(await lastValueFrom(again.repos$.pipe(toArray()))).toEqual([])
    expect(server.requests).toHaveLength(3)
    expect(again.metrics).toMatchObject({ checkpoint: 3, connection: { state: 'closed' } })
  })

  it("lists all again under `onCompleted: 'restart'`, and resumes unfinished ones", async () => {
    await using server = await fakeRepos({ repos: 25 })
    const store = memoryCursorStore()
    const config = { checkpoint: store, onCompleted: 'restart' } as const
    await lastValueFrom(new Listed(server, config).repos$)
    expect(
      await lastValueFrom(new Listed(server, config).repos$.pipe(take(12), toArray())),
    ).toEqual(server.repos.slice(0, 12))
    await turn()
    expect([...store.positions.values()]).toEqual(['{"pages":1,"cursor":"10"}'])
    expect(await lastValueFrom(new Listed(server, config).repos$.pipe(toArray()))).toEqual(
      server.repos.slice(10),
    )
    expect([...store.positions.values()]).toEqual(['{"pages":3,"completed":true}'])
  })

  it('is kept for each host', async () => {
    await using one = await fakeRepos({ repos: 5, seed: 1 })
    await using two = await fakeRepos({ repos: 15, seed: 2 })
    const store = memoryCursorStore()
    await lastValueFrom(new Listed(one, { checkpoint: store }).repos$)
    await lastValueFrom(new Listed(two, { checkpoint: store }).repos$)
    expect([...store.positions]).toEqual([
      [keyOf(one), '{"pages":1,"completed":true}'],
      [keyOf(two), '{"pages":2,"completed":true}'],
    ])
  })

  it('stays before a page of which a repo failed, and is not completed', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const store = memoryCursorStore()
    const listed = new Listed(server, { checkpoint: often(store) })
    const { holds, state } = holding(listed)
    await listed.received(25)
    holds[14]?.failed()
    for (const release of holds) release()
    await listed.when(({ connection }) => connection.state === 'closed')
    expect(state.completed).toBe(true)
    expect([...store.positions.values()]).toEqual(['{"pages":1,"cursor":"10"}'])
    expect(
      await lastValueFrom(new Listed(server, { checkpoint: store }).repos$.pipe(toArray())),
    ).toEqual(server.repos.slice(10))
  })

  it('moves past a page of bad repos alone', async () => {
    await using server = await fakeRepos({ repos: [...Array.from({ length: 10 }, (_, n) => n)] })
    const store = memoryCursorStore()
    const listed = new Listed(server, { checkpoint: store })
    expect(await lastValueFrom(listed.repos$.pipe(toArray()))).toEqual([])
    expect(listed.rejects).toHaveLength(10)
    expect([...store.positions.values()]).toEqual(['{"pages":1,"completed":true}'])
  })

  it('is saved once more for what ends after the unsubscription', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const { store, saves } = logged()
    const listed = new Listed(server, { checkpoint: store })
    const { holds, subscription } = holding(listed)
    await listed.received(25)
    subscription.unsubscribe()
    for (const release of holds.slice(0, 15)) release()
    await turn()
    expect(saves).toEqual(['{"pages":1,"cursor":"10"}'])
    for (const release of holds.slice(15)) release()
    await turn()
    expect(saves.at(-1)).toBe('{"pages":3,"completed":true}')
    expect(listed.metrics).toMatchObject({ open: 0, checkpoint: 3 })
  })

  it('completes below a bounded operator when all is saved', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const { store, saves } = logged()
    const work = boundedMergeMap(async () => turn(), { capacity: 5 })
    await lastValueFrom(new Listed(server, { checkpoint: store }).repos$.pipe(work))
    expect(saves.at(-1)).toBe('{"pages":3,"completed":true}')
  })

  it('takes the cursor of another program, as an adapter hands it on', async () => {
    await using server = await fakeRepos({ repos: 25 })
    // What an older program keeps: a cursor for each host, and a marker for all.
    const redis = new Map([['repo_backfill:cursor:host', '10']])
    const store: CursorStore = {
      load: async () => {
        const cursor = redis.get('repo_backfill:cursor:host')
        if (redis.has('!ingester-done')) return JSON.stringify({ completed: true })
        return cursor && JSON.stringify({ cursor })
      },
      save: async (_key, position) => {
        const { cursor, completed } = JSON.parse(position) as { cursor?: string; completed?: true }
        if (completed) redis.set('!ingester-done', '1')
        else if (cursor !== undefined) redis.set('repo_backfill:cursor:host', cursor)
      },
    }
    const listed = new Listed(server, { checkpoint: store })
    expect(await lastValueFrom(listed.repos$.pipe(take(11), toArray()))).toEqual(
      server.repos.slice(10, 21),
    )
    await turn()
    expect(redis.get('repo_backfill:cursor:host')).toBe('20')
    expect(
      await lastValueFrom(new Listed(server, { checkpoint: store }).repos$.pipe(toArray())),
    ).toEqual(server.repos.slice(20))
    expect(redis.get('!ingester-done')).toBe('1')
    expect(
      await lastValueFrom(new Listed(server, { checkpoint: store }).repos$.pipe(toArray())),
    ).toEqual([])
  })

  it.each([
    '',
    'nonsense',
    '7',
    'null',
    '[]',
    '{}',
    '{"cursor":""}',
    '{"cursor":5}',
    '{"pages":-1,"cursor":"a"}',
    '{"completed":"yes"}',
  ])(
    'errors with CursorStoreError for a position that this library did not save: %p',
    async (text) => {
      await using server = await fakeRepos({ repos: 5 })
      const store = memoryCursorStore([[keyOf(server), text]])
      const listed = new Listed(server, { checkpoint: store })
      await expect(lastValueFrom(listed.repos$)).rejects.toThrow(CursorStoreError)
      expect(server.requests).toHaveLength(0)
      expect(listed.metrics.connection).toMatchObject({
        state: 'closed',
        reason: { code: 'CURSOR_STORE' },
      })
    },
  )

  it('errors when the store cannot load', async () => {
    await using server = await fakeRepos({ repos: 5 })
    const store = { ...memoryCursorStore(), load: () => Promise.reject(new Error('disk on fire')) }
    await expect(lastValueFrom(new Listed(server, { checkpoint: store }).repos$)).rejects.toThrow(
      /disk on fire/,
    )
  })

  it('is retried when a save fails; the listing completes when the end is saved', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const { store, saves } = logged()
    let failures = 3
    const save = async (key: string, position: string) => {
      failures -= 1
      if (failures >= 0) throw new Error('disk full')
      await store.save(key, position)
    }
    const listed = new Listed(server, { checkpoint: { store: { ...store, save }, everyMs: 5 } })
    expect(await lastValueFrom(listed.repos$.pipe(toArray()))).toHaveLength(25)
    expect(saves).toEqual(['{"pages":3,"completed":true}'])
    expect(listed.metrics.checkpointErrors).toBe(3)
  })

  it('errors when the end cannot be saved for `failAfterMs`', async () => {
    await using server = await fakeRepos({ repos: 25 })
    const save = async (_key: string, position: string) => {
      if (position.includes('"completed":true')) throw new Error('disk full')
    }
    const store = { load: async () => undefined, save }
    const listed = new Listed(server, { checkpoint: { store, everyMs: 2, failAfterMs: 10 } })
    await expect(lastValueFrom(listed.repos$)).rejects.toThrow(CursorStoreError)
    expect(listed.seen).toHaveLength(25)
  })
})

describe('a crash of a listing', () => {
  const steps = Array.from({ length: 26 }, (_, n) => n)

  it.each(steps)('after %d repos of the last pages are done loses none', async (done) => {
    await using server = await fakeRepos({ repos: 25, style: done % 2 === 0 ? 'relay' : 'pds' })
    const { store, positions } = logged()
    const first = new Listed(server, { checkpoint: often(store) })
    const { holds, subscription } = holding(first)
    await first.received(25)
    const order = shuffled(25, done + 1).slice(0, done)
    for (const index of order) holds[index]?.()
    await ticks(3)
    // The process is gone: nothing that it does from here on reaches the store.
    const survived = memoryCursorStore(positions)
    subscription.unsubscribe()
    const finished = new Set(order.map((index) => didsOf(server.repos)[index]))
    const again = await lastValueFrom(
      new Listed(server, { checkpoint: survived }).repos$.pipe(toArray()),
    )
    for (const { did } of again) finished.add(did)
    expect(finished).toEqual(new Set(didsOf(server.repos)))
    expect([...survived.positions.values()]).toEqual(['{"pages":3,"completed":true}'])
  })

  it('at any point of work that ends out of order, over many runs, loses none', async () => {
    await using server = await fakeRepos({ repos: 300, style: 'pds' })
    const next = random(11)
    let saved: Iterable<readonly [string, string]> = []
    const finished = new Set<string>()
    let runs = 0
    for (let completed = false; !completed; runs += 1) {
      const store = memoryCursorStore(saved)
      const left = 20 + Math.floor(next() * 40)
      let count = 0
      const work = held(async ({ did }: RepoEvent) => {
        for (let ticks = Math.floor(next() * 6); ticks > 0; ticks -= 1) await turn()
        count += 1
        if (count <= left) finished.add(did)
        // However fast the machine is, the clock that saves goes on.
        if (count % 10 === 0) await ticks(2)
        return count
      })
      const listed = new Listed(server, { checkpoint: often(store) })
      // Frozen at the crash: what is done after it is not in the set, and what is saved after it
      // not in the store.
      let frozen: ReadonlyMap<string, string> | undefined
      await new Promise<void>((resolve, reject) => {
        const subscription = listed.repos$.pipe(mergeMap(work)).subscribe({
          next: (n) => {
            if (n < left) return
            frozen ??= new Map(store.positions)
            subscription.unsubscribe()
            resolve()
          },
          error: reject,
          complete: resolve,
        })
      })
      saved = frozen ?? new Map(store.positions)
      completed = [...new Map(saved).values()].some((position) => position.includes('completed'))
      if (runs > 100) throw new Error('the runs make no way')
    }
    expect(finished).toEqual(new Set(didsOf(server.repos)))
    expect(runs).toBeGreaterThan(3)
  })
})

function shuffled(count: number, seed: number): readonly number[] {
  const next = random(seed)
  const list = Array.from({ length: count }, (_, n) => [next(), n] as const)
  return list.sort(([one], [other]) => one - other).map(([, n]) => n)
}
