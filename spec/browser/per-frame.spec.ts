import { map, type Observable, range, Subject, Subscription, take } from 'rxjs'
import { type PerFrameOptions, perFrame } from '../../src/browser/per-frame.js'
import { ConfigError } from '../../src/errors.js'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { marbles } from '../../src/testing/marbles.js'
import { ControlledWork } from '../operators/controlled-work.js'
import { FakeSource } from '../operators/fake-source.js'
import { FakePage } from './page.js'

const joined = (values: readonly unknown[]): string => values.join('')

describe('perFrame, in virtual time', () => {
  it(
    'emits the values since the last frame as one array, and none for a frame without values',
    marbles(({ cold, animate, expectObservable }) => {
      animate('           ---x---x---x---x')
      const source = cold('a-b-c-------d--')
      expectObservable(source.pipe(perFrame(), map(joined))).toBe('---x---y-------z', {
        x: 'ab',
        y: 'c',
        z: 'd',
      })
    }),
  )

  it(
    'emits the rest at once when its source completes',
    marbles(({ cold, animate, expectObservable }) => {
      animate('           ---x---x')
      const source = cold('a---b|')
      expectObservable(source.pipe(perFrame(), map(joined))).toBe('---a-(b|)')
    }),
  )

  it(
    'passes an error on at once',
    marbles(({ cold, animate, expectObservable }) => {
      animate('           ---x')
      expectObservable(cold('a-#').pipe(perFrame())).toBe('--#')
    }),
  )

  it(
    'emits every 16 ms where there are no frames',
    marbles(({ cold, expectObservable }) => {
      const source = cold('a-b 20ms c--|')
      expectObservable(source.pipe(perFrame(), map(joined))).toBe('16ms x 9ms (c|)', {
        x: 'ab',
        c: 'c',
      })
    }),
  )
})

describe('perFrame', () => {
  const page = new FakePage().aroundEach(() => subscriptions.unsubscribe())
  let subscriptions: Subscription

  beforeEach(() => {
    subscriptions = new Subscription()
  })

  const subscribeTo = (arrays$: Observable<readonly number[]>) => {
    const seen: string[] = []
    const subscription = arrays$.subscribe({
      next: (values) => seen.push(joined(values)),
      error: (error: Error) => seen.push(`# ${error.message}`),
      complete: () => seen.push('|'),
    })
    subscriptions.add(subscription)
    return { seen, subscription }
  }

  const ready = (options: PerFrameOptions<number> = {}) => {
    const [book, source$] = [new FakeSource(), new Subject<number>()]
    const send = (...values: readonly number[]) => {
      for (const value of values) source$.next(value)
    }
    const arrays$ = source$.pipe(book.deliver(), perFrame(options))
    return { book, source$, send, arrays$, ...subscribeTo(arrays$) }
  }

  it('asks for a frame when a value comes, one for all of them, and cancels it at the end', () => {
    const asked = page.asked
    const { send, subscription } = ready()
    expect(page.asked).toBe(asked)
    send(1, 2, 3)
    expect(page.asked).toBe(asked + 1)
    page.drawFrame()
    expect([page.asked, page.pending]).toEqual([asked + 1, 0])
    send(4)
    subscription.unsubscribe()
    expect([page.asked, page.pending]).toEqual([asked + 2, 0])
  })

  it('keeps the delivery of a value open until its array has been emitted', () => {
    const { book, send } = ready()
    send(1, 2)
    expect([book.sum.open, book.queued, book.frontier]).toEqual([2, 2, 1])
    page.drawFrame()
    expect(book.sum).toEqual({ done: 2, dropped: 0, failed: 0, open: 0 })
    expect(book.queued).toBe(0)
  })

  it('hands the deliveries of an array to an operator below', () => {
    const [book, work, source$] = [new FakeSource(), new ControlledWork(), new Subject<number>()]
    const slow = boundedMergeMap((values: readonly number[]) => work.work(values.length))
    subscriptions.add(source$.pipe(book.deliver(), perFrame(), slow).subscribe())
    source$.next(1)
    source$.next(2)
    page.drawFrame()
    expect(book.sum.open).toBe(2)
    work.finish(2)
    expect(book.sum).toEqual({ done: 2, dropped: 0, failed: 0, open: 0 })
  })

  it('drops the oldest values above capacity, counts them, and tells `onDrop`', () => {
    const dropped: number[] = []
    const { book, send, seen } = ready({ capacity: 2, onDrop: (value) => dropped.push(value) })
    send(1, 2, 3, 4)
    expect([dropped, book.queued, book.calls]).toEqual([[1, 2], 2, []])
    expect(book.ends).toEqual(['1 dropped', '2 dropped'])
    page.drawFrame()
    expect(seen).toEqual(['34'])
  })

  it("drops the newest values under 'drop-newest'", () => {
    const { book, send, seen } = ready({ capacity: 2, overflow: 'drop-newest' })
    send(1, 2, 3)
    page.drawFrame()
    expect([seen, book.ends]).toEqual([['12'], ['3 dropped', '1 done', '2 done']])
  })

  it("pauses its source at capacity under 'pause', until the next frame", () => {
    const { book, send, seen } = ready({ capacity: 2, overflow: 'pause' })
    send(1, 2, 3)
    expect(book.calls).toEqual(['pause'])
    page.drawFrame()
    expect([seen, book.calls]).toEqual([['123'], ['pause', 'resume']])
  })

  it('bounds a source that cannot pause by `maxLag`', () => {
    const { send, seen } = ready({ capacity: 1, overflow: 'pause', maxLag: 2 })
    send(1, 2, 3, 4)
    page.drawFrame()
    expect(seen).toEqual(['34'])
  })

  it("ends the stream under 'error', with nothing counted as done", () => {
    const { book, send, seen } = ready({ capacity: 1, overflow: 'error' })
    send(1, 2)
    expect(seen).toEqual(['# 1 values wait already (`capacity`)'])
    expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 2, open: 0 })
  })

  it('counts what waits as failed when it is unsubscribed, and resumes the source', () => {
    const { book, send, subscription } = ready({ capacity: 1, overflow: 'pause' })
    send(1, 2)
    subscription.unsubscribe()
    expect([book.sum.failed, book.queued, book.pauses]).toEqual([2, 0, 0])
  })

  it('completes when the checkpoint of what is done is saved', async () => {
    const { book, send, source$, seen } = ready()
    let saved = () => {}
    book.saving = new Promise<void>((resolve) => {
      saved = resolve
    })
    send(1)
    source$.complete()
    expect([seen, book.sum.done]).toEqual([['1'], 1])
    saved()
    await book.saving
    await Promise.resolve()
    expect(seen).toEqual(['1', '|'])
  })

  it('completes after the array in whose emission its source completes, all values done', () => {
    const [book, source$] = [new FakeSource(), new Subject<number>()]
    const ends: string[] = []
    const arrays$ = source$.pipe(book.deliver(), perFrame())
    subscriptions.add(
      arrays$.subscribe({
        next: () => source$.complete(),
        complete: () => ends.push(...book.ends),
      }),
    )
    source$.next(1)
    page.drawFrame()
    expect(ends).toEqual(['1 done'])
  })

  it('takes a value that its own emission brings into the next frame', () => {
    const { send, arrays$ } = ready()
    const { seen } = subscribeTo(arrays$.pipe(take(2)))
    subscriptions.add(arrays$.pipe(take(1)).subscribe(() => send(2)))
    send(1)
    page.drawFrame()
    expect(seen).toEqual(['1'])
    page.drawFrame()
    expect(seen).toEqual(['1', '2', '|'])
  })

  it('takes 50,000 synchronous values, and no more than are taken', () => {
    const all = subscribeTo(range(1, 50_000).pipe(perFrame({ capacity: 50_000 })))
    expect([all.seen.length, all.seen[1]]).toEqual([2, '|'])
    expect(subscribeTo(range(1, 9).pipe(perFrame(), take(1))).seen).toEqual(['123456789', '|'])
  })

  it('ends the stream with what `onDrop` throws, and closes every delivery', () => {
    const onDrop = () => {
      throw new Error('onDrop')
    }
    const { book, send, seen } = ready({ capacity: 1, onDrop })
    send(1, 2)
    expect(seen).toEqual(['# onDrop'])
    expect([book.sum.open, book.queued]).toEqual([0, 0])
  })

  it('refuses all mistakes of its options at the call', () => {
    expect(() => perFrame({ capacity: 0, overflow: 'wait' as 'pause' })).toThrow(ConfigError)
    expect(() => perFrame({ capacity: 10, maxLag: 5 })).toThrow(/`maxLag` must not be below/)
  })
})
