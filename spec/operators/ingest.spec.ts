import { Observable, of, range, Subject, timer } from 'rxjs'
import { ingest } from '../../src/operators/ingest.js'
import { marbles } from '../../src/testing/marbles.js'
import { ControlledWork } from './controlled-work.js'
import { type Commit, commit, follow, like, post } from './events.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

/** What a library may make of Promise: its `then` calls back whenever it likes. */
class CallingTwice extends Promise<void> {
  constructor(private readonly callBack: (resolve: () => void) => void) {
    super(() => {})
  }

  // biome-ignore lint/suspicious/noThenProperty: the subject of the spec
  override then<R1>(
    onFulfilled?: ((value: undefined) => R1 | PromiseLike<R1>) | null,
  ): Promise<R1> {
    this.callBack(() => onFulfilled?.(undefined))
    return new Promise(() => {})
  }
}

describe('ingest', () => {
  it(
    'emits each event when its ingestor is done with it, and lets none wait for that of another',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const events = { p: commit(post), l: commit(like) }
      const source = cold('  -p-l-p-----|', events)
      const posts = cold('    ---|')
      const result = '       ---lp---p--|'
      expectObservable(source.pipe(ingest({ [post]: () => posts, [like]: () => {} }))).toBe(
        result,
        events,
      )
      expectSubscriptions(posts.subscriptions).toBe(['-^--!', '-----^--!'])
    }),
  )

  it('gives each event to one ingestor, the one that fits it most closely', () => {
    const seen: string[] = []
    const to = (name: string) => (event: { readonly n?: number }) =>
      void seen.push(`${event.n} ${name}`)
    const events = [
      commit(post, 1),
      commit(like, 2),
      commit('app.bsky.feedback.x', 3),
      { kind: 'identity', n: 4 },
      { kind: 'account', n: 5 },
    ]
    of(...events)
      .pipe(
        ingest<{ readonly kind: string }, string>({
          [post]: to('post'),
          'app.bsky.feed.*': to('feed'),
          identity: to('identity'),
          '*': to('rest'),
        }),
      )
      .subscribe()
    expect(seen).toEqual(['1 post', '2 feed', '3 rest', '4 identity', '5 rest'])
  })

  describe.each<[string, (callBack: (resolve: () => void) => void) => PromiseLike<void>]>([
    // biome-ignore lint/suspicious/noThenProperty: what a broken library may return
    ['a thenable', (callBack) => ({ then: callBack }) as PromiseLike<void>],
    ['a subclass of Promise', (callBack) => new CallingTwice(callBack)],
    // biome-ignore lint/suspicious/noThenProperty: what a library that instruments promises does
    ['a patched promise', (callBack) => Object.assign(Promise.resolve(), { then: callBack })],
  ])('with %s that settles twice', (_, make) => {
    it('ends one event at a time', () => {
      const seen: unknown[] = []
      let again: (() => void) | undefined
      const twice = (resolve: () => void) => {
        resolve()
        again = resolve
      }
      const answers = [make(twice), new Promise<void>(() => {})]
      const book = new FakeSource()
      of(commit(post, 1), commit(post, 2))
        .pipe(book.deliver(), ingest({ [post]: () => answers.shift() }))
        .subscribe(({ n }) => seen.push(n))
      again?.()
      expect(seen).toEqual([1])
      expect(book.sum).toMatchObject({ done: 1, open: 1 })
    })
  })

  it('counts what no ingestor takes, tells of it, and is done with it', () => {
    const [book, seen, unrouted] = [new FakeSource(), [] as unknown[], [] as unknown[]]
    of(commit(post, 1), commit(like, 2), commit(follow, 3))
      .pipe(
        book.deliver(),
        ingest({ [like]: () => {} }, { onUnrouted: ({ n }) => unrouted.push(n) }),
      )
      .subscribe(({ n }) => seen.push(n))
    expect([seen, unrouted, book.unrouted]).toEqual([[2], [1, 3], 2])
    expect(book.sum).toEqual({ done: 3, dropped: 0, failed: 0, open: 0 })
  })

  it('ends the stream with what `onUnrouted` throws', () => {
    const errors: unknown[] = []
    const onUnrouted = () => {
      throw new Error('onUnrouted')
    }
    of(commit(post))
      .pipe(ingest({ [like]: () => {} }, { onUnrouted }))
      .subscribe({ error: (error) => errors.push(error) })
    expect(errors).toEqual([new Error('onUnrouted')])
  })

  it.each<[string, (event: Commit) => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a number', () => 7],
    ['a string', () => 'done'],
    ['a promise', async () => 7],
    // biome-ignore lint/suspicious/noThenProperty: what query builders are
    ['a thenable', () => ({ then: (resolve: (value: number) => void) => resolve(7) })],
    ['an observable', () => of(1, 2, 3)],
    ['an observable that is empty', () => of()],
    ['an array', () => [1, 2, 3]],
    [
      'an async iterable',
      async function* () {
        yield 1
      },
    ],
  ])('takes %s for an answer, and emits the event once', async (_, ingestor) => {
    const [book, seen] = [new FakeSource(), [] as unknown[]]
    of(commit(post, 1), commit(post, 2))
      .pipe(book.deliver(), ingest({ [post]: ingestor as () => void }))
      .subscribe({
        next: ({ n }) => seen.push(n),
        error: (error) => seen.push(error),
        complete: () => seen.push('|'),
      })
    await settled()
    expect(seen).toEqual([1, 2, '|'])
    expect(book.sum).toEqual({ done: 2, dropped: 0, failed: 0, open: 0 })
  })

  it('keeps the order of a key, and runs keys side by side', () => {
    const [desk, source$] = [new ControlledWork(), new Subject<Commit>()]
    source$
      .pipe(ingest({ '*': ({ n }) => desk.work(n) }, { concurrency: 3, orderBy: ({ did }) => did }))
      .subscribe()
    for (const event of [
      commit(post, 1, 'did:plc:a'),
      commit(like, 2, 'did:plc:a'),
      commit(post, 3, 'did:plc:b'),
    ])
      source$.next(event)
    expect(desk.running).toEqual([1, 3])
    desk.finish(3, 1)
    expect(desk.running).toEqual([2])
  })

  it('gives each ingestor a queue of its own: one that hangs and is full stops no other', () => {
    const [book, desk, source$, seen] = [
      new FakeSource(),
      new ControlledWork(),
      new Subject<Commit>(),
      [] as number[],
    ]
    const options = { capacity: 2, overflow: 'drop-newest' } as const
    source$
      .pipe(book.deliver(), ingest({ [post]: ({ n }) => desk.work(n), [like]: () => {} }, options))
      .subscribe(({ n }) => seen.push(n))
    for (let n = 1; n <= 10; n += 1) source$.next(commit(n % 2 === 0 ? like : post, n))
    expect([seen, desk.running, book.queued]).toEqual([[2, 4, 6, 8, 10], [1], 2])
    expect(book.sum).toEqual({ done: 5, dropped: 2, failed: 0, open: 3 })
  })

  it('pauses the source once for each full queue, and resumes it once for each', () => {
    const [book, desk, source$] = [new FakeSource(), new ControlledWork(), new Subject<Commit>()]
    source$
      .pipe(
        book.deliver(),
        ingest(
          { [post]: ({ n }) => desk.work(n), [like]: ({ n }) => desk.work(n) },
          { capacity: 1 },
        ),
      )
      .subscribe()
    for (const event of [commit(post, 1), commit(post, 2), commit(like, 3), commit(like, 4)])
      source$.next(event)
    expect([book.pauses, book.queued]).toEqual([2, 2])
    desk.finish(1)
    expect([book.pauses, book.queued]).toEqual([1, 1])
    desk.finish(3)
    expect([book.pauses, book.queued]).toEqual([0, 0])
  })

  it.each([
    ['no ingestor has had', follow],
    ['another ingestor has', like],
    ['no ingestor takes', 'com.example.other'],
  ])('starts nothing at the end, when the source it resumes sends what %s', (_, collection) => {
    const [book, desk, source$] = [new FakeSource(), new ControlledWork(), new Subject<Commit>()]
    const work = ({ n }: Commit) => desk.work(n)
    const ingestors = { [post]: work, [like]: work, [follow]: work }
    const subscription = source$
      .pipe(book.deliver(), ingest(ingestors, { capacity: 1 }))
      .subscribe()
    for (const event of [commit(post, 1), commit(post, 2), commit(like, 3)]) source$.next(event)
    book.onResume = () => source$.next(commit(collection, 4))
    subscription.unsubscribe()
    expect([book.calls, desk.started]).toEqual([
      ['pause', 'resume'],
      [1, 3],
    ])
    expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 4, open: 0 })
  })

  it('counts the event in whose emission it is left as done, since it is', () => {
    const [book, desk, source$] = [new FakeSource(), new ControlledWork(), new Subject<Commit>()]
    const subscription = source$
      .pipe(book.deliver(), ingest({ '*': ({ n }) => desk.work(n) }))
      .subscribe(() => subscription.unsubscribe())
    source$.next(commit(post, 1))
    source$.next(commit(post, 2))
    desk.finish(1)
    expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 1, open: 0 })
  })

  describe('with `drainMs`', () => {
    it(
      'completes with the last work when that ends in time',
      marbles(({ cold, expectObservable }) => {
        const events = { a: commit(post, 1), b: commit(post, 2) }
        const source = cold('  ab|', events)
        const result = '       ---a--(b|)'
        expectObservable(source.pipe(ingest({ '*': () => timer(3) }, { drainMs: 10 }))).toBe(
          result,
          events,
        )
      }),
    )

    it(
      'cuts the work that is left when the time is over, counts it as failed, and completes',
      marbles(({ cold, expectObservable, flush }) => {
        const events = { a: commit(post, 1), b: commit(post, 2), c: commit(post, 3) }
        const book = new FakeSource()
        const source = cold('  abc|', events)
        const result = '       ----a--|'
        expectObservable(
          source.pipe(book.deliver(), ingest({ '*': () => timer(4) }, { drainMs: 4 })),
        ).toBe(result, events)
        flush()
        expect([book.sum, book.queued]).toEqual([{ done: 1, dropped: 0, failed: 2, open: 0 }, 0])
      }),
    )

    it(
      'does not cut while the source runs, however long that takes',
      marbles(({ cold, expectObservable }) => {
        const events = { a: commit(post, 1) }
        expectObservable(
          cold('a-----------|', events).pipe(ingest({ '*': () => timer(9) }, { drainMs: 2 })),
        ).toBe('---------a--|', events)
      }),
    )

    it(
      'passes an error of the source on at once',
      marbles(({ cold, expectObservable }) => {
        expectObservable(
          cold<Commit>('--#').pipe(ingest({ '*': () => {} }, { drainMs: 100 })),
        ).toBe('--#')
      }),
    )

    it('saves what is done before it completes, also when the time is over', async () => {
      const [book, desk, source$, seen] = [
        new FakeSource(),
        new ControlledWork(),
        new Subject<Commit>(),
        [] as string[],
      ]
      let saved = () => {}
      book.saving = new Promise<void>((resolve) => {
        saved = resolve
      })
      source$
        .pipe(book.deliver(), ingest({ '*': ({ n }) => desk.work(n) }, { drainMs: 0 }))
        .subscribe({ complete: () => seen.push('|') })
      source$.next(commit(post, 1))
      source$.complete()
      await new Promise((resolve) => setTimeout(resolve))
      await settled()
      expect([desk.cut, seen]).toEqual([[1], []])
      saved()
      await settled()
      expect(seen).toEqual(['|'])
    })
  })

  it('serves 50,000 events of two hundred collections', () => {
    const [book, counts] = [new FakeSource(), new Map<string, number>()]
    const source$ = new Observable<Commit>((subscriber) => {
      range(0, 50_000).subscribe((n) => subscriber.next(commit(`com.example.c${n % 200}`, n)))
      subscriber.complete()
    })
    const count = ({ commit: { collection } }: Commit) =>
      void counts.set(collection, (counts.get(collection) ?? 0) + 1)
    const ingestors = Object.fromEntries(
      Array.from({ length: 200 }, (_, n) => [`com.example.c${n}`, count]),
    )
    source$.pipe(book.deliver(), ingest(ingestors)).subscribe()
    expect([counts.size, new Set(counts.values())]).toEqual([200, new Set([250])])
    expect(book.sum.done).toBe(50_000)
  })
})
