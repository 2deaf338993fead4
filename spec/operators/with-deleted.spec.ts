import { Subject } from 'rxjs'
import { hold, type Release, withDeleted } from '../../src/index.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

const did = 'did:plc:a'
const commit = (operation: string, rkey: string, record?: unknown) => ({
  kind: 'commit',
  did,
  commit: { operation, collection: 'app.bsky.feed.like', rkey, record },
  toString: () => `${operation} ${rkey}`,
})
const uri = (rkey: string) => `at://${did}/app.bsky.feed.like/${rkey}`

function started(changes: Partial<Parameters<typeof withDeleted>[0]> = {}) {
  const [records, book, source$] = [
    new Map<string, unknown>(),
    new FakeSource(),
    new Subject<ReturnType<typeof commit>>(),
  ]
  const seen: unknown[] = []
  const errors: unknown[] = []
  const releases: Release[] = []
  const store = {
    get: async (key: string) => records.get(key),
    put: async (key: string, record: unknown) => void records.set(key, record),
    delete: async (key: string) => void records.delete(key),
    ...changes,
  }
  const subscription = source$.pipe(book.deliver(), withDeleted(store)).subscribe({
    next: (event) => {
      seen.push([event.commit.operation, event.deleted])
      releases.push(hold())
    },
    error: (error) => errors.push(error),
  })
  const release = (index: number) => releases[index] as Release
  return { records, book, source$, seen, errors, release, subscription }
}

describe('withDeleted', () => {
  it('tells of a delete what was written last under its uri', async () => {
    const { source$, seen, records, release } = started()
    source$.next(commit('create', 'r', { n: 1 }))
    source$.next(commit('update', 'r', { n: 2 }))
    source$.next(commit('create', 'other', { n: 3 }))
    source$.next(commit('delete', 'r'))
    await settled()
    expect(seen).toEqual([
      ['create', undefined],
      ['update', undefined],
      ['create', undefined],
      ['delete', { n: 2 }],
    ])
    release(3)()
    await settled()
    expect([...records]).toEqual([[uri('other'), { n: 3 }]])
  })

  it('removes a record when its delete is done, and the delivery ends after that', async () => {
    const { source$, records, book, release } = started()
    source$.next(commit('create', 'r', { n: 1 }))
    source$.next(commit('delete', 'r'))
    await settled()
    release(0)()
    expect([records.size, book.sum.open]).toEqual([1, 1])
    release(1)()
    await settled()
    expect([records.size, book.sum]).toEqual([0, { done: 2, dropped: 0, failed: 0, open: 0 }])
  })

  it('keeps a record whose delete has failed: a restart tells the same again', async () => {
    const { source$, records, book, release } = started()
    source$.next(commit('create', 'r', { n: 1 }))
    source$.next(commit('delete', 'r'))
    await settled()
    release(1).failed()
    await settled()
    expect([records.get(uri('r')), book.sum.failed]).toEqual([{ n: 1 }, 1])
  })

  it('keeps a record that is written again before its delete is done', async () => {
    const { source$, records, release } = started()
    source$.next(commit('create', 'r', { n: 1 }))
    source$.next(commit('delete', 'r'))
    source$.next(commit('create', 'r', { n: 2 }))
    await settled()
    release(1)()
    await settled()
    expect(records.get(uri('r'))).toEqual({ n: 2 })
  })

  it('writes again only after a removal that is under way', async () => {
    const removals: (() => void)[] = []
    const { source$, records, release } = started({
      delete: (key: string) =>
        new Promise<void>((resolve) =>
          removals.push(() => {
            records.delete(key)
            resolve()
          }),
        ),
    })
    source$.next(commit('create', 'r', { n: 1 }))
    source$.next(commit('delete', 'r'))
    await settled()
    release(1)()
    await settled()
    source$.next(commit('create', 'r', { n: 2 }))
    await settled()
    removals[0]?.()
    await settled()
    expect([removals.length, records.get(uri('r'))]).toEqual([1, { n: 2 }])
  })

  it('fails an event that is looked up while it is left: nobody has seen it', async () => {
    const { source$, records, seen, book, subscription } = started()
    records.set(uri('r'), { n: 1 })
    source$.next(commit('delete', 'r'))
    subscription.unsubscribe()
    await settled()
    expect([seen, book.sum]).toEqual([[], { done: 0, dropped: 0, failed: 1, open: 0 }])
    expect(records.get(uri('r'))).toEqual({ n: 1 })
  })

  it('ends with the error of the store, and the delivery counts as failed', async () => {
    const { source$, errors, book, release } = started({
      delete: () => Promise.reject(new Error('no disk')),
    })
    source$.next(commit('delete', 'r'))
    await settled()
    release(0)()
    await settled()
    expect([errors, book.sum.failed]).toEqual([[new Error('no disk')], 1])
  })

  it('understands events of a Tap, and passes what is no record', async () => {
    const [seen, source$] = [[] as unknown[], new Subject<never>()]
    const records = new Map<string, unknown>()
    source$
      .pipe(
        withDeleted({
          get: (key) => records.get(key),
          put: (key, record) => records.set(key, record),
          delete: (key) => records.delete(key),
        }),
      )
      .subscribe((event) => seen.push((event as { deleted?: unknown }).deleted))
    const record = { type: 'record', did, collection: 'a.b.c', rkey: 'r' }
    source$.next({ ...record, action: 'create', record: { n: 1 } } as never)
    source$.next({ type: 'identity', did } as never)
    source$.next({ ...record, action: 'delete' } as never)
    await settled()
    expect([seen, records.size]).toEqual([[undefined, undefined, { n: 1 }], 0])
  })
})
