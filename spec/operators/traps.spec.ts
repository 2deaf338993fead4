import { EMPTY, NEVER, of, range, Subject, timer } from 'rxjs'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { ingest } from '../../src/operators/ingest.js'
import { marbles } from '../../src/testing/marbles.js'
import { ControlledWork } from './controlled-work.js'
import { type Commit, commit, post } from './events.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

// Attempts are in ingest-failures.spec.ts, prefixes in route.spec.ts.

describe('a cursor that moves before the work', () => {
  it('stays before the oldest unfinished value, in whatever order the work ends', () => {
    const [book, desk, frontiers] = [new FakeSource(), new ControlledWork(), [] as unknown[]]
    range(1, 5)
      .pipe(book.deliver(), boundedMergeMap(desk.work, { concurrency: 5 }))
      .subscribe()
    for (const value of [4, 2, 1, 5, 3]) {
      desk.finish(value)
      frontiers.push(book.frontier)
    }
    expect(frontiers).toEqual([1, 1, 3, 3, undefined])
  })

  it('stays before the one that failed, whatever ends after it', async () => {
    const [book, frontiers] = [new FakeSource(), [] as unknown[]]
    const ends = new Map<
      number,
      { readonly resolve: () => void; readonly reject: (error: Error) => void }
    >()
    const work = (value: number) =>
      new Promise<void>((resolve, reject) => ends.set(value, { resolve, reject }))
    range(1, 5)
      .pipe(book.deliver(), boundedMergeMap(work, { concurrency: 5 }))
      .subscribe({ error: () => {} })
    ends.get(4)?.resolve()
    ends.get(2)?.reject(new Error('no'))
    await settled()
    frontiers.push(book.frontier)
    for (const value of [1, 5, 3]) {
      ends.get(value)?.resolve()
      await settled()
      frontiers.push(book.frontier)
    }
    expect(frontiers).toEqual([1, 2, 2, 2])
    expect(book.sum).toEqual({ done: 4, dropped: 0, failed: 1, open: 0 })
  })

  it('stays before the one that waits for its next attempt', () => {
    const [book, source$] = [new FakeSource(), new Subject<Commit>()]
    const first = commit(post, 1)
    const ingestor = (event: Commit) => {
      if (event === first) throw new Error('no')
    }
    const subscription = source$
      .pipe(book.deliver(), ingest({ '*': ingestor }, { concurrency: 2 }))
      .subscribe()
    for (const event of [first, commit(post, 2), commit(post, 3)]) source$.next(event)
    expect([book.frontier, book.sum]).toEqual([first, { done: 2, dropped: 0, failed: 0, open: 1 }])
    subscription.unsubscribe()
  })
})

describe('a worker that dies in silence', () => {
  const failure = new Error('no')

  it.each<[string, () => Promise<never>]>([
    [
      'throws',
      () => {
        throw failure
      },
    ],
    ['rejects', () => Promise.reject(failure)],
  ])('ends the stream with the error of work that %s', async (_, work) => {
    const [book, errors] = [new FakeSource(), [] as unknown[]]
    of(1)
      .pipe(book.deliver(), boundedMergeMap(work))
      .subscribe({ error: (error) => errors.push(error) })
    await settled()
    expect([errors, book.sum.failed]).toEqual([[failure], 1])
  })

  it(
    'gives up an ingestor that never settles after `timeoutMs`, and takes the next event',
    marbles(({ cold, expectObservable }) => {
      const events = { a: commit(post, 1), b: commit(post, 2) }
      const source = cold('  ab-------', events)
      const result = '       ----------(ab)'
      const ingestor = ({ n }: Commit) => (n === 1 ? NEVER : EMPTY)
      const options = { timeoutMs: 10, attempts: 1, onDeadLetter: () => {} }
      expectObservable(source.pipe(ingest({ '*': ingestor }, options))).toBe(result, events)
    }),
  )

  it('continues with the others while one never settles', () => {
    const [book, source$, seen] = [new FakeSource(), new Subject<number>(), [] as number[]]
    source$
      .pipe(
        book.deliver(),
        boundedMergeMap((value) => (value === 1 ? NEVER : of(value)), { concurrency: 2 }),
      )
      .subscribe((value) => seen.push(value))
    for (const value of [1, 2, 3]) source$.next(value)
    expect([seen, book.frontier]).toEqual([[2, 3], 1])
  })

  it('says so when a thenable throws in its own `then`', () => {
    const errors: unknown[] = []
    const broken = {
      // biome-ignore lint/suspicious/noThenProperty: what a broken query builder is
      then: () => {
        throw failure
      },
    } as unknown as Promise<never>
    of(1)
      .pipe(boundedMergeMap(() => broken))
      .subscribe({ error: (error) => errors.push(error) })
    expect(errors).toEqual([failure])
  })
})

describe('a slow warning that cannot fire', () => {
  it(
    'fires while the work hangs, and as often as it hangs for as long again',
    marbles(({ cold, expectObservable, flush }) => {
      const said: number[] = []
      const options = {
        slowAfterMs: 10,
        onSlow: (_: string, runningMs: number) => said.push(runningMs),
      }
      expectObservable(cold('a').pipe(boundedMergeMap(() => NEVER, options)), '^ 34ms !').toBe('-')
      flush()
      expect(said).toEqual([10, 20, 30])
    }),
  )

  it(
    'fires for a promise that hangs',
    marbles(({ cold, expectObservable, flush }) => {
      const said: string[] = []
      const options = {
        slowAfterMs: 10,
        onSlow: (value: string, runningMs: number) => said.push(`${value} ${runningMs}`),
        concurrency: 2,
      }
      expectObservable(
        cold('a-b').pipe(boundedMergeMap(() => new Promise<never>(() => {}), options)),
        '^ 24ms !',
      ).toBe('-')
      flush()
      expect(said).toEqual(['a 10', 'b 10', 'a 20', 'b 20'])
    }),
  )

  it(
    'does not fire for work that waits: that is not what is slow',
    marbles(({ cold, expectObservable, flush }) => {
      const said: string[] = []
      const options = { slowAfterMs: 5, onSlow: (value: string) => said.push(value) }
      expectObservable(cold('(abc|)').pipe(boundedMergeMap(() => timer(4), options))).toBe(
        '----0---0---(0|)',
        { 0: 0 },
      )
      flush()
      expect(said).toEqual([])
    }),
  )
})
