import {
  concat,
  EMPTY,
  from,
  lastValueFrom,
  type ObservableInput,
  of,
  range,
  Subject,
  take,
  throwError,
  timer,
} from 'rxjs'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { marbles } from '../../src/testing/marbles.js'
import { ControlledWork } from './controlled-work.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

describe('boundedMergeMap', () => {
  it(
    'works on as many values at once as `concurrency` says',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b-c------|')
      const project = cold(' --r|')
      const result = '       ---r-r-r----|'
      expectObservable(source.pipe(boundedMergeMap(() => project, { concurrency: 3 }))).toBe(result)
      expectSubscriptions(project.subscriptions).toBe(['-^--!', '---^--!', '-----^--!'])
    }),
  )

  it('fails an event whose work is cut off below, and not that of a promise', async () => {
    const endsOf = async (work: (value: number) => ObservableInput<number>) => {
      const book = new FakeSource()
      const first$ = of(1).pipe(book.deliver(), boundedMergeMap(work), take(1))
      await lastValueFrom(first$)
      await settled()
      return book.ends
    }
    expect(await endsOf((value) => [value])).toEqual(['1 failed'])
    expect(await endsOf(async (value) => value)).toEqual(['1 done'])
  })

  it(
    'works on one value after the other without it',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  -a-b-c------|')
      const project = cold(' --r|')
      const result = '       ---r--r--r--|'
      expectObservable(source.pipe(boundedMergeMap(() => project))).toBe(result)
      expectSubscriptions(project.subscriptions).toBe(['-^--!', '----^--!', '-------^--!'])
    }),
  )

  it(
    'emits results as they come, not in the order of the values',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  a-b-c----|')
      const result = '       ---b-c-a-|'
      const works = { a: cold('-------a|'), b: cold('-b|'), c: cold('-c|') }
      expectObservable(
        source.pipe(boundedMergeMap((key: string) => works[key as 'a'], { concurrency: 3 })),
      ).toBe(result)
    }),
  )

  it(
    'starts the values of one key in order, one at a time, and other keys beside them',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  (abcd)---------|', { a: 'x1', b: 'x2', c: 'y1', d: 'x3' })
      const x = cold('       ---r|')
      const y = cold('       -q|')
      const result = '       -q-r---r---r---|'
      const options = { concurrency: 4, orderBy: (value: string) => value[0] }
      expectObservable(
        source.pipe(boundedMergeMap((value: string) => (value.startsWith('x') ? x : y), options)),
      ).toBe(result)
      expectSubscriptions(x.subscriptions).toBe(['^---!', '----^---!', '--------^---!'])
      expectSubscriptions(y.subscriptions).toBe('^-!')
    }),
  )

  it(
    'passes the error of its work on, and cuts the other work',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  a-b-----|')
      const result = '       ----#'
      const works = { a: cold('-------'), b: cold('--#') }
      expectObservable(
        source.pipe(boundedMergeMap((key: string) => works[key as 'a'], { concurrency: 2 })),
      ).toBe(result)
      expectSubscriptions(source.subscriptions).toBe('^---!')
      expectSubscriptions(works.a.subscriptions).toBe('^---!')
    }),
  )

  it(
    'cuts what runs when it is unsubscribed',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  a-b-----|')
      const unsubscribed = ' ^--!'
      const work = cold('    -------|')
      expectObservable(source.pipe(boundedMergeMap(() => work)), unsubscribed).toBe('----')
      expectSubscriptions(source.subscriptions).toBe('^--!')
      expectSubscriptions(work.subscriptions).toBe('^--!')
    }),
  )

  it('gives `project` the index of each value', () => {
    const seen: unknown[] = []
    of('a', 'b')
      .pipe(boundedMergeMap((value, index) => of([value, index])))
      .subscribe((each) => seen.push(each))
    expect(seen).toEqual([
      ['a', 0],
      ['b', 1],
    ])
  })

  it.each([
    ['an observable', () => of(1, 2)],
    ['an array', () => [1, 2]],
    [
      'an async iterable',
      async function* () {
        yield 1
        yield 2
      },
    ],
  ])('takes %s as work', async (_, project) => {
    const seen: unknown[] = []
    of('value')
      .pipe(boundedMergeMap<string, number>(project))
      .subscribe((each) => seen.push(each))
    await settled()
    expect(seen).toEqual([1, 2])
  })

  it('emits what a promise resolves with, undefined and null too', async () => {
    const seen: unknown[] = []
    of(undefined, null, 3)
      .pipe(boundedMergeMap(async (value) => value))
      .subscribe((each) => seen.push(each))
    await settled()
    expect(seen).toEqual([undefined, null, 3])
  })

  it.each([1, 2])(
    'counts as failed a value that comes after the unsubscription, with `concurrency: %i`',
    async (concurrency) => {
      const [book, seen, ends] = [
        new FakeSource(),
        [] as unknown[],
        [] as ((value?: string) => void)[],
      ]
      const project = () => new Promise<string | undefined>((resolve) => ends.push(resolve))
      const subscription = range(1, concurrency)
        .pipe(book.deliver(), boundedMergeMap(project, { concurrency }))
        .subscribe((each) => seen.push(each))
      subscription.unsubscribe()
      for (const end of ends) end('for the operator below')
      await settled()
      expect([seen, book.sum]).toEqual([[], { done: 0, dropped: 0, failed: concurrency, open: 0 }])
    },
  )

  it('counts as done what ends without a value after the unsubscription', async () => {
    const [book, ends] = [new FakeSource(), [] as (() => void)[]]
    const project = () => new Promise<void>((resolve) => ends.push(resolve))
    const subscription = of(1).pipe(book.deliver(), boundedMergeMap(project)).subscribe()
    subscription.unsubscribe()
    ends[0]?.()
    await settled()
    expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 0, open: 0 })
  })

  it('errors when its work is nothing to wait for', () => {
    const errors: unknown[] = []
    of(1)
      .pipe(boundedMergeMap(() => undefined as never))
      .subscribe({ error: (error) => errors.push(error) })
    expect(errors).toEqual([expect.any(TypeError)])
  })

  it.each(['throws', 'rejects', 'errors'])(
    'counts a value whose work %s as failed, and what waits behind it too',
    async (how) => {
      const [book, failure, seen] = [new FakeSource(), new Error('no'), [] as unknown[]]
      const project = () => {
        if (how === 'throws') throw failure
        return how === 'rejects' ? Promise.reject(failure) : throwError(() => failure)
      }
      range(1, 2)
        .pipe(book.deliver(), boundedMergeMap(project))
        .subscribe({ error: (error) => seen.push(error) })
      await settled()
      expect(seen).toEqual([failure])
      expect([book.frontier, book.sum.done, book.sum.open, book.queued]).toEqual([1, 0, 0, 0])
    },
  )

  describe('under `maxLag`', () => {
    it('drops the oldest past it, of a source that emits while it is paused', () => {
      const [book, desk, source$, dropped] = [
        new FakeSource(),
        new ControlledWork(),
        new Subject<number>(),
        [] as number[],
      ]
      const options = { capacity: 2, maxLag: 4, onDrop: (value: number) => dropped.push(value) }
      source$.pipe(book.deliver(), boundedMergeMap(desk.work, options)).subscribe()
      for (const value of [1, 2, 3, 4, 5]) source$.next(value)
      expect([dropped, book.queued, book.pauses]).toEqual([[], 4, 1])
      for (const value of [6, 7]) source$.next(value)
      expect([dropped, book.queued, book.pauses]).toEqual([[2, 3], 4, 1])
      desk.finish(1, 4, 5, 6, 7)
      expect([book.sum, book.queued, book.calls]).toEqual([
        { done: 5, dropped: 2, failed: 0, open: 0 },
        0,
        ['pause', 'resume'],
      ])
    })
  })

  describe('with `orderBy`', () => {
    const keyed = (options: {
      readonly capacity?: number
      readonly concurrency: number
      readonly overflow?: 'drop-oldest'
    }) => {
      const [book, desk, source$, dropped] = [
        new FakeSource(),
        new ControlledWork(),
        new Subject<number>(),
        [] as number[],
      ]
      const onDrop = (value: number) => dropped.push(value)
      // 11, 12 and 13 are one key.
      const orderBy = (value: number) => Math.floor(value / 10)
      const subscription = source$
        .pipe(book.deliver(), boundedMergeMap(desk.work, { ...options, orderBy, onDrop }))
        .subscribe()
      const send = (...values: readonly number[]) => {
        for (const value of values) source$.next(value)
      }
      return { book, desk, send, dropped, subscription }
    }

    it('lets no key stand in the way of another', () => {
      const { desk, send } = keyed({ concurrency: 2 })
      send(11, 12, 13, 21)
      expect(desk.running).toEqual([11, 21])
      desk.finish(21)
      expect(desk.running).toEqual([11])
      desk.finish(11, 12)
      expect(desk.running).toEqual([13])
    })

    it('keeps the order of a key from which the oldest was dropped', () => {
      const { book, desk, send, dropped } = keyed({
        concurrency: 1,
        capacity: 3,
        overflow: 'drop-oldest',
      })
      send(11, 12, 13, 14, 21)
      expect(dropped).toEqual([12])
      desk.finish(11, 21, 13, 14)
      expect(book.ends).toEqual(['12 dropped', '11 done', '21 done', '13 done', '14 done'])
    })

    it('asks for the key of a value once, so that work may change the value', () => {
      const seen: string[] = []
      const source$ = new Subject<{ key: string; readonly name: string }>()
      const ends: Subject<never>[] = []
      const project = (value: { key: string; readonly name: string }) => {
        seen.push(value.name)
        value.key = 'another'
        const end$ = new Subject<never>()
        ends.push(end$)
        return end$
      }
      source$
        .pipe(boundedMergeMap(project, { concurrency: 2, orderBy: ({ key }) => key }))
        .subscribe()
      source$.next({ key: 'a', name: 'a1' })
      source$.next({ key: 'a', name: 'a2' })
      expect(seen).toEqual(['a1'])
      ends[0]?.complete()
      expect(seen).toEqual(['a1', 'a2'])
    })

    it('ends the stream with what `orderBy` throws, and closes every delivery', () => {
      const [book, desk, errors] = [new FakeSource(), new ControlledWork(), [] as unknown[]]
      const orderBy = (value: number) => {
        if (value === 3) throw new Error('orderBy')
        return value
      }
      range(1, 5)
        .pipe(book.deliver(), boundedMergeMap(desk.work, { orderBy }))
        .subscribe({ error: (error) => errors.push(error) })
      expect(errors).toEqual([new Error('orderBy')])
      expect([book.sum, book.queued]).toEqual([{ done: 0, dropped: 0, failed: 3, open: 0 }, 0])
    })

    it('drains 50,000 values of one key without recursion, each in constant time', () => {
      const first$ = new Subject<never>()
      const [book, seen] = [new FakeSource(), [] as number[]]
      const project = (value: number) => (value === 1 ? concat(first$, of(1)) : of(value))
      range(1, 50_000)
        .pipe(
          book.deliver(),
          boundedMergeMap(project, { capacity: Number.POSITIVE_INFINITY, orderBy: () => 'one' }),
        )
        .subscribe((value) => seen.push(value))
      first$.complete()
      expect(seen).toEqual(Array.from({ length: 50_000 }, (_, index) => index + 1))
      expect(book.sum.done).toBe(50_000)
    })
  })

  it('keeps the deliveries of two sources apart, and pauses both', () => {
    const [one, two, desk] = [new FakeSource(), new FakeSource(), new ControlledWork()]
    const [ones$, twos$] = [new Subject<number>(), new Subject<number>()]
    const both$ = new Subject<number>()
    ones$.pipe(one.deliver()).subscribe(both$)
    twos$.pipe(two.deliver()).subscribe(both$)
    both$.pipe(boundedMergeMap(desk.work, { capacity: 2 })).subscribe()
    ones$.next(1)
    twos$.next(2)
    ones$.next(3)
    expect([one.queued, two.queued, one.pauses, two.pauses]).toEqual([1, 1, 1, 1])
    desk.finish(1, 2)
    expect([one.queued, two.queued, one.pauses, two.pauses]).toEqual([0, 0, 0, 0])
    expect([one.sum, two.sum]).toEqual([
      { done: 1, dropped: 0, failed: 0, open: 1 },
      { done: 1, dropped: 0, failed: 0, open: 0 },
    ])
  })

  it(
    'completes with its source when nothing is to be saved, or with its last work',
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('ab|').pipe(boundedMergeMap(() => EMPTY))).toBe('--|')
      expectObservable(cold('ab|').pipe(boundedMergeMap(() => timer(3)))).toBe('---0--(0|)', {
        0: 0,
      })
    }),
  )

  it('errors when the save at the end does', async () => {
    const [book, errors] = [new FakeSource(), [] as unknown[]]
    book.saving = Promise.reject(new Error('the disk is full'))
    from([1])
      .pipe(
        book.deliver(),
        boundedMergeMap(() => EMPTY),
      )
      .subscribe({ error: (error) => errors.push(error) })
    await settled()
    expect(errors).toEqual([new Error('the disk is full')])
  })
})
