import {
  asyncScheduler,
  concat,
  EMPTY,
  from,
  ignoreElements,
  NEVER,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  of,
  range,
  Subject,
  Subscription,
  take,
  throwError,
  timer,
} from 'rxjs'
import { marbles } from '../../src/testing/marbles.js'
import { ControlledWork } from './controlled-work.js'
import { FakeSource } from './fake-source.js'

/** What the three queueing operators have in common, for numbers. */
export interface CommonOptions {
  readonly capacity?: number
  readonly concurrency?: number
  readonly overflow?: 'pause' | 'drop-oldest' | 'drop-newest' | 'error'
  readonly onDrop?: (value: number) => void
  readonly slowAfterMs?: number
  readonly onSlow?: (value: number, runningMs: number) => void
}

/** Makes an operator that emits each value when the work on it has ended. */
export type MakeOperator = (
  work: (value: number) => ObservableInput<unknown>,
  options?: CommonOptions,
) => OperatorFunction<number, number>

/** The value itself, when `work` has ended. */
export const after = (work: ObservableInput<unknown>, value: number): Observable<number> =>
  concat(from(work).pipe(ignoreElements()), of(value)) as Observable<number>

/** Runs everything that promises have left to do. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What everyone who queues must get right, whatever else it does. */
export function describeQueueingOperator(name: string, make: MakeOperator): void {
  const subscriptions = new Subscription()
  afterAll(() => subscriptions.unsubscribe())

  const subscribeTo = (source$: Observable<number>, operator: OperatorFunction<number, number>) => {
    const seen: (number | string)[] = []
    const subscription = source$.pipe(operator).subscribe({
      next: (value) => seen.push(value),
      error: (error: Error) => seen.push(`# ${error.message}`),
      complete: () => seen.push('|'),
    })
    subscriptions.add(subscription)
    return { seen, subscription }
  }

  const ready = (options: CommonOptions = {}) => {
    const [book, desk, source$] = [new FakeSource(), new ControlledWork(), new Subject<number>()]
    const send = (...values: readonly number[]) => {
      for (const value of values) source$.next(value)
    }
    return {
      book,
      desk,
      source$,
      send,
      ...subscribeTo(source$.pipe(book.deliver()), make(desk.work, options)),
    }
  }

  describe(`${name} as an operator with a queue`, () => {
    describe('under a synchronous source', () => {
      it.each([1, 2, 7])('has it produce no more than the %i that are taken', (wanted) => {
        let produced = 0
        const endless$ = new Observable<number>((subscriber) => {
          while (!subscriber.closed && produced < 1000) subscriber.next(++produced)
        })
        const { seen } = subscribeTo(endless$, (source) =>
          source.pipe(
            make(() => EMPTY),
            take(wanted),
          ),
        )
        expect(seen).toHaveLength(wanted + 1)
        expect(produced).toBe(wanted)
      })

      it('works on 50,000 values whose work ends at once', () => {
        const { seen } = subscribeTo(
          range(1, 50_000),
          make(() => EMPTY),
        )
        expect([seen.length, seen[49_999], seen[50_000]]).toEqual([50_001, 50_000, '|'])
      })

      it('drains 50,000 waiting values in a loop, not on the stack', () => {
        const first$ = new Subject<never>()
        const book = new FakeSource()
        const operator = make((value) => (value === 1 ? first$ : EMPTY), {
          capacity: Number.POSITIVE_INFINITY,
        })
        const { seen } = subscribeTo(range(1, 50_000).pipe(book.deliver()), operator)
        expect(seen).toEqual([])
        expect(book.queued).toBe(49_999)
        first$.complete()
        expect([seen.length, seen[0], seen[49_999], seen[50_000]]).toEqual([50_001, 1, 50_000, '|'])
        expect(book.sum).toEqual({ done: 50_000, dropped: 0, failed: 0, open: 0 })
      })
    })

    it('shares nothing between two subscriptions of one pipeline', () => {
      const desk = new ControlledWork()
      const source$ = new Subject<number>()
      const pipeline = make((value) => (desk.running.includes(value) ? EMPTY : desk.work(value)))
      const [one, two] = [subscribeTo(source$, pipeline), subscribeTo(source$, pipeline)]
      source$.next(1)
      expect([one.seen, two.seen]).toEqual([[], [1]])
      two.subscription.unsubscribe()
      desk.finish(1)
      expect([one.seen, two.seen]).toEqual([[1], [1]])
      source$.complete()
      expect([one.seen, two.seen]).toEqual([[1, '|'], [1]])
    })

    describe('when entered again', () => {
      it('takes a value that its own emission brings', () => {
        const source$ = new Subject<number>()
        const seen: number[] = []
        source$.pipe(make(() => EMPTY)).subscribe((value) => {
          seen.push(value)
          if (value < 5) source$.next(value + 1)
          seen.push(-value)
        })
        source$.next(1)
        expect(seen).toEqual([1, -1, 2, -2, 3, -3, 4, -4, 5, -5])
      })

      it('takes a value that its own work brings, with one place to run', () => {
        const source$ = new Subject<number>()
        const operator = make((value) => {
          if (value < 4) source$.next(value + 1)
          return EMPTY
        })
        const { seen } = subscribeTo(source$, operator)
        source$.next(1)
        expect(seen).toEqual([1, 2, 3, 4])
      })

      it('completes after the value in whose emission its source completes', () => {
        const source$ = new Subject<number>()
        const seen: (number | string)[] = []
        source$.pipe(make(() => EMPTY)).subscribe({
          next: (value) => {
            source$.complete()
            seen.push(value)
          },
          complete: () => seen.push('|'),
        })
        source$.next(1)
        expect(seen).toEqual([1, '|'])
      })

      it('takes nothing more once it is left in its own emission', () => {
        const [book, desk, source$] = [
          new FakeSource(),
          new ControlledWork(),
          new Subject<number>(),
        ]
        const operator = make(desk.work)
        source$.pipe(book.deliver(), operator, take(1)).subscribe(() => source$.next(8))
        source$.next(7)
        desk.finish(7)
        expect([desk.started, book.queued, book.sum.open]).toEqual([[7], 0, 0])
        expect(book.ends).toContain('8 failed')
      })

      it('counts as failed what its source sends when it is resumed at the end', () => {
        const { book, subscription, source$, send } = ready({ capacity: 1 })
        book.onResume = () => source$.next(9)
        send(1, 2)
        subscription.unsubscribe()
        expect(book.ends).toContain('9 failed')
        expect([book.sum, book.queued, book.pauses]).toEqual([
          { done: 0, dropped: 0, failed: 3, open: 0 },
          0,
          0,
        ])
      })
    })

    describe('at the end of its source', () => {
      it(
        'completes when what runs and what waits is done',
        marbles(({ cold, expectObservable }) => {
          const source = cold('    1-2|', { 1: 1, 2: 2 })
          expectObservable(source.pipe(make(() => timer(4)))).toBe('----1---(2|)', { 1: 1, 2: 2 })
        }),
      )

      it(
        'completes with an empty source at once',
        marbles(({ cold, expectObservable }) => {
          expectObservable(cold<number>('--|').pipe(make(() => NEVER))).toBe('--|')
        }),
      )

      it('passes its error on at once, and cuts what runs', () => {
        const { book, desk, source$, send, seen } = ready()
        send(1, 2)
        source$.error(new Error('lost'))
        expect(seen).toEqual(['# lost'])
        expect(desk.cut).toEqual([1])
        expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 2, open: 0 })
      })

      it('waits for the save of what is done', async () => {
        const { book, desk, source$, send, seen } = ready()
        let saved = () => {}
        book.saving = new Promise<void>((resolve) => {
          saved = resolve
        })
        send(1)
        source$.complete()
        desk.finish(1)
        await settled()
        expect(seen).toEqual([1])
        saved()
        await settled()
        expect(seen).toEqual([1, '|'])
      })
    })

    describe('when unsubscribed', () => {
      it('cuts work that is an observable, and starts nothing that waits', () => {
        const { book, desk, subscription, send } = ready({ concurrency: 2 })
        send(1, 2, 3, 4)
        expect(book.queued).toBe(2)
        subscription.unsubscribe()
        expect([desk.started, desk.cut]).toEqual([
          [1, 2],
          [1, 2],
        ])
        expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 4, open: 0 })
        expect(book.queued).toBe(0)
      })

      it('lets a promise end, since it cannot be cut, and takes its word', async () => {
        const book = new FakeSource()
        const ends: {
          readonly resolve: (value?: unknown) => void
          readonly reject: (error: unknown) => void
        }[] = []
        const work = () => new Promise((resolve, reject) => ends.push({ resolve, reject }))
        const { subscription, seen } = subscribeTo(
          range(1, 3).pipe(book.deliver()),
          make(work, { concurrency: 2 }),
        )
        subscription.unsubscribe()
        const unbreakable = book.sum.open
        expect(book.sum.failed).toBe(3 - unbreakable)
        ends[0]?.resolve()
        ends[1]?.reject(new Error('no'))
        await settled()
        expect(book.sum.open).toBe(0)
        expect(seen).toEqual([])
      })
    })

    describe('with a bound', () => {
      it('runs no more at once than `concurrency`', () => {
        const { desk, send, seen } = ready({ concurrency: 3 })
        send(1, 2, 3, 4, 5)
        expect(desk.running).toEqual([1, 2, 3])
        desk.finish(2)
        expect(desk.running).toEqual([1, 3, 4])
        desk.finish(1, 3, 4, 5)
        expect(seen).toEqual([2, 1, 3, 4, 5])
      })

      it('runs everything at once with `concurrency: Infinity`, and never pauses', () => {
        const { book, desk, send } = ready({ concurrency: Number.POSITIVE_INFINITY, capacity: 1 })
        send(...Array.from({ length: 100 }, (_, index) => index))
        expect([desk.running.length, book.queued, book.calls]).toEqual([100, 0, []])
      })

      it('pauses its source at capacity and resumes it at half', () => {
        const { book, desk, send } = ready({ capacity: 4 })
        send(1, 2, 3, 4)
        expect([book.queued, book.calls]).toEqual([3, []])
        send(5)
        expect([book.queued, book.calls]).toEqual([4, ['pause']])
        send(6)
        expect([book.queued, book.calls]).toEqual([5, ['pause']])
        desk.finish(1, 2)
        expect([book.queued, book.calls]).toEqual([3, ['pause']])
        desk.finish(3)
        expect([book.queued, book.calls]).toEqual([2, ['pause', 'resume']])
        desk.finish(4, 5, 6)
        expect([book.queued, book.calls]).toEqual([0, ['pause', 'resume']])
      })

      it('pauses and resumes at every value with `capacity: 1`', () => {
        const { book, desk, send, seen } = ready({ capacity: 1 })
        send(1, 2)
        expect(book.calls).toEqual(['pause'])
        desk.finish(1)
        expect(book.calls).toEqual(['pause', 'resume'])
        send(3)
        desk.finish(2, 3)
        expect(book.calls).toEqual(['pause', 'resume', 'pause', 'resume'])
        expect(seen).toEqual([1, 2, 3])
      })

      it.each(['unsubscription', 'error'] as const)('resumes a paused source on %s', (end) => {
        const { book, source$, subscription, send } = ready({ capacity: 2 })
        send(1, 2, 3)
        expect(book.pauses).toBe(1)
        if (end === 'error') source$.error(new Error('lost'))
        else subscription.unsubscribe()
        expect([book.pauses, book.queued]).toEqual([0, 0])
      })

      it('loses nothing when it pauses a source that continues', () => {
        const { book, desk, send, seen } = ready({ capacity: 1 })
        send(1, 2, 3, 4)
        desk.finish(1, 2, 3, 4)
        expect(seen).toEqual([1, 2, 3, 4])
        expect(book.sum).toEqual({ done: 4, dropped: 0, failed: 0, open: 0 })
      })

      it("gives up the oldest that waits under 'drop-oldest', and never pauses", () => {
        const dropped: number[] = []
        const { book, desk, send, seen } = ready({
          capacity: 2,
          overflow: 'drop-oldest',
          onDrop: (value) => dropped.push(value),
        })
        send(1, 2, 3, 4, 5)
        expect(dropped).toEqual([2, 3])
        desk.finish(1, 4, 5)
        expect(seen).toEqual([1, 4, 5])
        expect([book.sum, book.calls, book.queued]).toEqual([
          { done: 3, dropped: 2, failed: 0, open: 0 },
          [],
          0,
        ])
      })

      it("gives up what comes under 'drop-newest', and never pauses", () => {
        const dropped: number[] = []
        const { book, desk, send, seen } = ready({
          capacity: 2,
          overflow: 'drop-newest',
          onDrop: (value) => dropped.push(value),
        })
        send(1, 2, 3, 4, 5)
        expect(dropped).toEqual([4, 5])
        desk.finish(1, 2, 3)
        expect(seen).toEqual([1, 2, 3])
        expect([book.sum, book.calls, book.queued]).toEqual([
          { done: 3, dropped: 2, failed: 0, open: 0 },
          [],
          0,
        ])
      })

      it("ends the stream under 'error', with nothing counted as done", () => {
        const { book, desk, send, seen } = ready({ capacity: 2, overflow: 'error' })
        send(1, 2, 3, 4, 5)
        expect(seen).toEqual(['# 2 values wait already (`capacity`)'])
        expect(desk.cut).toEqual([1])
        expect([book.sum, book.queued]).toEqual([{ done: 0, dropped: 0, failed: 4, open: 0 }, 0])
      })
    })

    describe('with a callback that throws', () => {
      it('ends the stream with what `onDrop` throws, and closes every delivery', () => {
        const onDrop = () => {
          throw new Error('onDrop')
        }
        for (const overflow of ['drop-oldest', 'drop-newest'] as const) {
          const { book, send, seen } = ready({ capacity: 1, overflow, onDrop })
          send(1, 2, 3)
          expect(seen).toEqual(['# onDrop'])
          expect([book.sum.open, book.queued]).toEqual([0, 0])
        }
      })

      it(
        'ends the stream with what `onSlow` throws, and closes every delivery',
        marbles(({ cold, expectObservable, flush }) => {
          const book = new FakeSource()
          const failure = new Error('onSlow')
          const onSlow = () => {
            throw failure
          }
          const source = cold(' 1--2--------', { 1: 1, 2: 2 }).pipe(book.deliver())
          expectObservable(source.pipe(make(() => NEVER, { slowAfterMs: 5, onSlow }))).toBe(
            '-----#',
            undefined,
            failure,
          )
          flush()
          expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 2, open: 0 })
        }),
      )
    })

    describe('with slow work', () => {
      it(
        'says so while it runs, again and again, and not after',
        marbles(({ cold, expectObservable, flush }) => {
          const said: string[] = []
          const onSlow = (value: number, runningMs: number) =>
            said.push(`${value} for ${runningMs} at ${asyncScheduler.now()}`)
          const source = cold(' 1----2|', { 1: 1, 2: 2 })
          const operator = make((value) => (value === 1 ? timer(11) : timer(3)), {
            slowAfterMs: 4,
            onSlow,
          })
          expectObservable(source.pipe(operator)).toBe('-----------1--(2|)', { 1: 1, 2: 2 })
          flush()
          expect(said).toEqual(['1 for 4 at 4', '1 for 8 at 8'])
        }),
      )

      it(
        'leaves no timer behind',
        marbles(({ cold, expectObservable, flush }) => {
          const said: number[] = []
          const source = cold('1-----', { 1: 1 })
          expectObservable(
            source.pipe(make(() => NEVER, { slowAfterMs: 3, onSlow: (value) => said.push(value) })),
            '^---!',
          ).toBe('-----')
          flush()
          expect(said).toEqual([1])
        }),
      )
    })

    it('ends with the delivery of each value open until the work of it has ended', () => {
      const { book, desk, send } = ready({ concurrency: 3 })
      send(1, 2, 3)
      expect([book.sum.open, book.frontier]).toEqual([3, 1])
      desk.finish(2)
      expect([book.sum.open, book.frontier]).toEqual([2, 1])
      desk.finish(1)
      expect([book.sum.open, book.frontier]).toEqual([1, 3])
      desk.finish(3)
      expect([book.sum.open, book.frontier]).toEqual([0, undefined])
      expect(book.ends).toEqual(['2 done', '1 done', '3 done'])
    })

    it('hands the delivery on to an operator below', () => {
      const [book, desk, below, source$] = [
        new FakeSource(),
        new ControlledWork(),
        new ControlledWork(),
        new Subject<number>(),
      ]
      source$.pipe(book.deliver(), make(desk.work), make(below.work)).subscribe()
      source$.next(1)
      desk.finish(1)
      expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 0, open: 1 })
      below.finish(1)
      expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 0, open: 0 })
    })

    it('ends the stream when the work errors for good, and counts it as failed', () => {
      const book = new FakeSource()
      const { seen } = subscribeTo(
        range(1, 3).pipe(book.deliver()),
        make(() => throwError(() => new Error('no'))),
      )
      expect(seen).toHaveLength(1)
      expect(String(seen[0])).toMatch(/no$/)
      expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 1, open: 0 })
    })

    it('works without a delivery, on any observable', () => {
      expect(
        subscribeTo(
          of(1, 2),
          make(() => EMPTY),
        ).seen,
      ).toEqual([1, 2, '|'])
    })
  })
}
