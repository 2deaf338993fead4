import { EMPTY, NEVER, of, range, Subject, take, throwError } from 'rxjs'
import { boundedBatchMap } from '../../src/operators/bounded-batch-map.js'
import { marbles } from '../../src/testing/marbles.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

const joined = (values: readonly string[]) => of(values.join(''))
const batches = { x: 'ab', y: 'cd', z: 'e' }

describe('boundedBatchMap', () => {
  it(
    'works on batches of `size`',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  -a-b-c-d----|')
      const result = '       ---x---y----|'
      expectObservable(source.pipe(boundedBatchMap(joined, { size: 2 }))).toBe(result, batches)
    }),
  )

  it(
    'works on what there is `maxWaitMs` after the first value of a batch',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  -a-b-c-d----|')
      const result = '       ----x---y---|'
      expectObservable(source.pipe(boundedBatchMap(joined, { maxWaitMs: 3 }))).toBe(result, batches)
    }),
  )

  it(
    'starts to wait with the first value, not with the batch before',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  ab------cd---e|')
      const result = '       -x-------y----(z|)'
      expectObservable(source.pipe(boundedBatchMap(joined, { size: 2, maxWaitMs: 4 }))).toBe(
        result,
        batches,
      )
    }),
  )

  it(
    'works on the rest at the end',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  ab-cd-e|')
      const result = '       -x--y--(z|)'
      expectObservable(source.pipe(boundedBatchMap(joined, { size: 2 }))).toBe(result, batches)
    }),
  )

  it(
    'gives up what it has collected when it is unsubscribed, and its timer',
    marbles(({ cold, expectObservable, flush }) => {
      const book = new FakeSource()
      const source = cold('  ab-----').pipe(book.deliver())
      expectObservable(source.pipe(boundedBatchMap(joined, { maxWaitMs: 5 })), '^--!').toBe('----')
      flush()
      expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 2, open: 0 })
    }),
  )

  it(
    'passes an error of the source on at once, without the batch it has',
    marbles(({ cold, expectObservable, flush }) => {
      const book = new FakeSource()
      const source = cold('  ab-#').pipe(book.deliver())
      expectObservable(source.pipe(boundedBatchMap(joined))).toBe('---#')
      flush()
      expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 2, open: 0 })
    }),
  )

  it('holds each value of a batch until the work on all of them has ended', () => {
    const [book, source$, end$] = [new FakeSource(), new Subject<number>(), new Subject<never>()]
    source$
      .pipe(
        book.deliver(),
        boundedBatchMap(() => end$, { size: 3 }),
      )
      .subscribe()
    for (const value of [1, 2, 3, 4]) source$.next(value)
    expect([book.sum.open, book.frontier]).toEqual([4, 1])
    end$.complete()
    expect([book.sum, book.frontier]).toEqual([{ done: 3, dropped: 0, failed: 0, open: 1 }, 4])
  })

  it('fails each value of a batch whose work fails', async () => {
    const [book, errors] = [new FakeSource(), [] as unknown[]]
    range(1, 3)
      .pipe(
        book.deliver(),
        boundedBatchMap(async () => Promise.reject(new Error('insert')), { size: 3 }),
      )
      .subscribe({ error: (error) => errors.push(error) })
    await settled()
    expect(errors).toEqual([new Error('insert')])
    expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 3, open: 0 })
  })

  it('counts `capacity` in values, whole batches of them, and gives up whole batches', () => {
    const [book, source$, dropped] = [
      new FakeSource(),
      new Subject<number>(),
      [] as (readonly number[])[],
    ]
    const options = {
      size: 2,
      capacity: 3,
      overflow: 'drop-oldest',
      onDrop: (values: readonly number[]) => dropped.push(values),
    } as const
    source$
      .pipe(
        book.deliver(),
        boundedBatchMap(() => NEVER, options),
      )
      .subscribe()
    for (let value = 1; value <= 8; value += 1) source$.next(value)
    // 1 and 2 are worked on; of the rest two batches may wait.
    expect([dropped, book.queued]).toEqual([[[3, 4]], 4])
    expect(book.ends).toEqual(['3 dropped', '4 dropped'])
  })

  it('pauses a source once, however many values of it a batch has', () => {
    const [book, source$, end$] = [new FakeSource(), new Subject<number>(), new Subject<never>()]
    const subscription = source$
      .pipe(
        book.deliver(),
        boundedBatchMap(() => end$, { size: 2, capacity: 2 }),
      )
      .subscribe()
    for (let value = 1; value <= 8; value += 1) source$.next(value)
    expect([book.calls, book.queued]).toEqual([['pause'], 6])
    subscription.unsubscribe()
    expect([book.calls, book.queued]).toEqual([['pause', 'resume'], 0])
    expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 8, open: 0 })
  })

  it('works on 50,000 values in batches of 100, with the index of each', () => {
    const [book, seen] = [new FakeSource(), [] as number[]]
    range(1, 50_000)
      .pipe(
        book.deliver(),
        boundedBatchMap((values, { index }) => of(values.length + index)),
      )
      .subscribe((value) => seen.push(value))
    expect([seen.length, seen[0], seen[499]]).toEqual([500, 100, 599])
    expect(book.sum.done).toBe(50_000)
  })

  it('has a synchronous source produce no more than the batches that are taken', () => {
    const book = new FakeSource()
    range(1, 1000)
      .pipe(
        book.deliver(),
        boundedBatchMap((values) => of(values), { size: 10 }),
        take(2),
      )
      .subscribe()
    expect(book.ledger.delivered).toBe(20)
  })

  it('takes a value that its own work brings into the next batch', () => {
    const [source$, seen] = [new Subject<number>(), [] as (readonly number[])[]]
    const project = (values: readonly number[]) => {
      if (seen.length === 0) for (const value of [3, 4]) source$.next(value)
      return of(values)
    }
    source$.pipe(boundedBatchMap(project, { size: 2 })).subscribe((values) => seen.push(values))
    for (const value of [1, 2]) source$.next(value)
    expect(seen).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  it('makes a batch of everything with `size: Infinity`', () => {
    const seen: number[] = []
    const options = { size: Number.POSITIVE_INFINITY, maxWaitMs: 10 }
    range(1, 5000)
      .pipe(boundedBatchMap((values) => of(values.length), options))
      .subscribe((count) => seen.push(count))
    expect(seen).toEqual([5000])
  })

  it('completes with an empty source, and works on no empty batch', () => {
    const seen: unknown[] = []
    const project = () => throwError(() => new Error('there is nothing to work on'))
    EMPTY.pipe(boundedBatchMap(project)).subscribe({
      error: (error) => seen.push(error),
      complete: () => seen.push('|'),
    })
    expect(seen).toEqual(['|'])
  })
})
