import {
  concatMap,
  defer,
  exhaustMap,
  mergeMap,
  Observable,
  of,
  range,
  Subject,
  switchMap,
  take,
  throwError,
  timer,
} from 'rxjs'
import { HoldError } from '../../src/errors.js'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { held } from '../../src/operators/held.js'
import { marbles } from '../../src/testing/marbles.js'
import { ControlledWork } from './controlled-work.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

const ready = () => ({
  book: new FakeSource(),
  desk: new ControlledWork(),
  source$: new Subject<number>(),
})

describe('held', () => {
  it(
    'changes nothing about what `mergeMap` emits',
    marbles(({ cold, expectObservable, flush }) => {
      const book = new FakeSource()
      const source = cold('  -a-b-c------|').pipe(book.deliver())
      const project = cold(' --r|')
      const result = '       ---r-r-r----|'
      expectObservable(source.pipe(mergeMap(held(() => project)))).toBe(result)
      flush()
      expect([book.ledger.held, book.sum]).toEqual([3, { done: 3, dropped: 0, failed: 0, open: 0 }])
    }),
  )

  it('keeps each delivery open until its work settles, in whatever order', () => {
    const { book, desk, source$ } = ready()
    source$.pipe(book.deliver(), mergeMap(held(desk.work))).subscribe()
    for (const value of [1, 2, 3]) source$.next(value)
    desk.finish(2, 3)
    expect([book.frontier, book.ends]).toEqual([1, ['2 done', '3 done']])
    desk.finish(1)
    expect([book.frontier, book.sum.done]).toEqual([undefined, 3])
  })

  it('keeps it open until a promise settles', async () => {
    const { book } = ready()
    const seen: unknown[] = []
    range(1, 2)
      .pipe(book.deliver(), mergeMap(held(async (value) => -value)))
      .subscribe((value) => seen.push(value))
    expect(book.sum.open).toBe(2)
    await settled()
    expect([seen, book.sum.done]).toEqual([[-1, -2], 2])
  })

  it.each(['throws', 'rejects', 'errors'])('fails the delivery of work that %s', async (how) => {
    const { book } = ready()
    const [failure, errors] = [new Error('no'), [] as unknown[]]
    const project = () => {
      if (how === 'throws') throw failure
      return how === 'rejects' ? Promise.reject(failure) : throwError(() => failure)
    }
    of(1)
      .pipe(book.deliver(), mergeMap(held(project)))
      .subscribe({ error: (error) => errors.push(error) })
    await settled()
    expect([errors, book.sum]).toEqual([[failure], { done: 0, dropped: 0, failed: 1, open: 0 }])
  })

  it('fails what it is unsubscribed from, as `switchMap` does', () => {
    const { book, desk, source$ } = ready()
    const subscription = source$.pipe(book.deliver(), switchMap(held(desk.work))).subscribe()
    for (const value of [1, 2]) source$.next(value)
    expect([book.ends, desk.cut]).toEqual([['1 failed'], [1]])
    subscription.unsubscribe()
    expect(book.ends).toEqual(['1 failed', '2 failed'])
  })

  it('counts as done what `exhaustMap` leaves out, since nobody asked to hold it', () => {
    const { book, desk, source$ } = ready()
    source$.pipe(book.deliver(), exhaustMap(held(desk.work))).subscribe()
    for (const value of [1, 2]) source$.next(value)
    expect([book.ends, book.frontier]).toEqual([['2 done'], 1])
  })

  it('throws where the operator calls it late: `concatMap` over asynchronous work', () => {
    const { book, desk, source$ } = ready()
    const errors: unknown[] = []
    source$
      .pipe(book.deliver(), concatMap(held(desk.work)))
      .subscribe({ error: (error) => errors.push(error) })
    for (const value of [1, 2]) source$.next(value)
    expect(errors).toEqual([])
    desk.finish(1)
    expect(errors).toEqual([expect.any(HoldError)])
    expect(String(errors[0])).toContain('outside a delivery')
    // The second had been let go by then: this is why it has to be said aloud.
    expect(book.ends).toEqual(['2 done', '1 done'])
  })

  it('works in `concatMap` over work that ends at once', () => {
    const { book } = ready()
    range(1, 3)
      .pipe(book.deliver(), concatMap(held((value) => of(value))))
      .subscribe()
    expect(book.sum.done).toBe(3)
  })

  it('throws without any delivery', () => {
    const errors: unknown[] = []
    of(1)
      .pipe(mergeMap(held(of)))
      .subscribe({ error: (error) => errors.push(error) })
    expect(errors).toEqual([expect.any(HoldError)])
  })

  it('emits in the delivery of its value, so that an operator below can hold it on', () => {
    const { book, desk, source$ } = ready()
    const work$ = new Subject<number>()
    source$
      .pipe(book.deliver(), mergeMap(held(() => work$)), boundedMergeMap(desk.work))
      .subscribe()
    source$.next(1)
    work$.next(1)
    work$.complete()
    expect([desk.running, book.sum.open]).toEqual([[1], 1])
    desk.finish(1)
    expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 0, open: 0 })
  })

  it('has a synchronous source produce no more than is taken', () => {
    const { book } = ready()
    range(1, 1000)
      .pipe(book.deliver(), mergeMap(held((value) => of(value))), take(2))
      .subscribe()
    expect(book.ledger.delivered).toBe(2)
  })

  it('stops a synchronous project when it is unsubscribed', () => {
    const { book } = ready()
    let produced = 0
    const endless$ = new Observable<number>((subscriber) => {
      while (!subscriber.closed && produced < 1000) subscriber.next(++produced)
    })
    of(1)
      .pipe(book.deliver(), mergeMap(held(() => endless$)), take(3))
      .subscribe()
    expect([produced, book.sum.open]).toEqual([3, 0])
  })

  it('survives 50,000 synchronous values', () => {
    const { book } = ready()
    range(1, 50_000)
      .pipe(book.deliver(), mergeMap(held((value) => of(value))))
      .subscribe()
    expect(book.sum).toEqual({ done: 50_000, dropped: 0, failed: 0, open: 0 })
  })

  it('shares nothing between two subscriptions', () => {
    const [book, source$] = [new FakeSource(), new Subject<number>()]
    const seen: string[] = []
    const pipeline$ = source$.pipe(
      book.deliver(),
      mergeMap(held((value) => defer(() => of(value)))),
    )
    for (const name of ['a', 'b']) pipeline$.subscribe((value) => seen.push(`${name}${value}`))
    source$.next(1)
    expect([seen, book.sum.done]).toEqual([['a1', 'b1'], 2])
  })

  it(
    'is done when the work ends, not when it emits',
    marbles(({ cold, expectObservable, flush }) => {
      const book = new FakeSource()
      const source = cold('  a--------|').pipe(book.deliver())
      expectObservable(source.pipe(mergeMap(held(() => timer(0, 2).pipe(take(3)))))).toBe(
        '0-1-2----|',
        { 0: 0, 1: 1, 2: 2 },
      )
      flush()
      expect(book.sum.done).toBe(1)
    }),
  )
})
