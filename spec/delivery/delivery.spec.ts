import { delay, mergeMap, of, range, Subject, share, switchMap, take } from 'rxjs'
import {
  BatchDelivery,
  currentDelivery,
  enter,
  hold,
  leave,
  type Release,
} from '../../src/delivery/delivery.js'
import { HoldError } from '../../src/errors.js'
import { FakeSource } from '../operators/fake-source.js'

/** Holds each value, and keeps the releases. */
const holding = () => {
  const [book, source$, releases] = [new FakeSource(), new Subject<number>(), [] as Release[]]
  source$.pipe(book.deliver()).subscribe(() => releases.push(hold()))
  const release = (index: number): Release => {
    const found = releases[index]
    if (found === undefined) throw new Error(`nothing was held at ${index}`)
    return found
  }
  return { book, source$, release }
}

describe('hold', () => {
  it('keeps the delivery open until its release is called', () => {
    const { book, source$, release } = holding()
    source$.next(1)
    expect([book.sum.open, book.frontier]).toEqual([1, 1])
    release(0)()
    expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 0, open: 0 })
  })

  it.each(['done', 'failed', 'dropped'] as const)(
    'settles as %s, once: only the first call of a release counts',
    (outcome) => {
      const { book, source$, release } = holding()
      for (const value of [1, 2]) source$.next(value)
      if (outcome === 'done') release(0)()
      else release(0)[outcome]()
      release(0)()
      release(0).failed()
      release(0).dropped()
      expect(book.ends).toEqual([`1 ${outcome}`])
      expect(book.sum.open).toBe(1)
    },
  )

  it('throws outside a delivery', () => {
    expect(hold).toThrow(HoldError)
    expect(hold).toThrow('call it synchronously while the source emits, or use `boundedMergeMap`')
  })

  it('throws after the emission has returned: in a promise, or below `delay`', async () => {
    const book = new FakeSource()
    const late: unknown[] = []
    const tryHold = () => {
      try {
        hold()
      } catch (error) {
        late.push(error)
      }
    }
    await new Promise<void>((resolve) => {
      of(1)
        .pipe(book.deliver())
        .subscribe(() => void Promise.resolve().then(tryHold))
      of(2).pipe(book.deliver(), delay(0)).subscribe({ next: tryHold, complete: resolve })
    })
    expect(late).toEqual([expect.any(HoldError), expect.any(HoldError)])
    expect(book.sum.done).toBe(2)
  })

  it('throws after a subscriber of the source threw, as it would have before', () => {
    const book = new FakeSource()
    const { ledger } = book
    const failing = {
      next: () => {
        throw new Error('no')
      },
    } as never
    expect(() => ledger.deliver(ledger.delivery(1, 'wss://book.test', 1, 1), failing)).toThrow('no')
    expect([currentDelivery(), book.sum.open]).toEqual([undefined, 0])
    expect(hold).toThrow(HoldError)
  })

  it('is counted once a delivery, however many hold it', () => {
    const [book, releases] = [new FakeSource(), [] as Release[]]
    range(1, 3)
      .pipe(book.deliver(), take(2))
      .subscribe(() => releases.push(hold(), hold()))
    expect([book.ledger.held, book.sum.open]).toEqual([2, 2])
    for (const release of releases) release()
    expect([book.ledger.held, book.sum.done]).toEqual([2, 2])
  })
})

describe('several holders of one delivery', () => {
  it('keep it open until the last one lets go', () => {
    const [book, source$, releases] = [new FakeSource(), new Subject<number>(), [] as Release[]]
    const shared$ = source$.pipe(book.deliver(), share())
    for (let branch = 0; branch < 3; branch += 1) shared$.subscribe(() => releases.push(hold()))
    source$.next(1)
    for (const [index, release] of releases.entries()) {
      expect([index, book.sum.open]).toEqual([index, 1])
      release()
    }
    expect(book.ends).toEqual(['1 done'])
  })

  it.each([
    [['done', 'done'], 'done'],
    [['done', 'dropped'], 'dropped'],
    [['dropped', 'done'], 'dropped'],
    [['failed', 'done'], 'failed'],
    [['done', 'failed'], 'failed'],
    [['dropped', 'failed'], 'failed'],
    [['failed', 'dropped'], 'failed'],
    [['failed', 'dropped', 'done'], 'failed'],
  ] as const)('end it with the worst of %j: %s', (outcomes, worst) => {
    const [book, source$, releases] = [new FakeSource(), new Subject<number>(), [] as Release[]]
    source$.pipe(book.deliver()).subscribe(() => releases.push(...outcomes.map(() => hold())))
    source$.next(1)
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome === 'done') releases[index]?.()
      else releases[index]?.[outcome]()
    }
    expect(book.ends).toEqual([`1 ${worst}`])
  })
})

describe('a delivery', () => {
  it('stays open for one holder, however often another lets go', () => {
    const [book, source$, releases] = [new FakeSource(), new Subject<number>(), [] as Release[]]
    source$.pipe(book.deliver()).subscribe(() => releases.push(hold(), hold()))
    source$.next(1)
    for (let times = 0; times < 3; times += 1) releases[0]?.()
    expect([book.sum.open, book.frontier]).toEqual([1, 1])
    releases[1]?.()
    expect(book.ends).toEqual(['1 done'])
  })

  it('that is settled cannot be held again, not even where it is the current one', () => {
    const [book, seen] = [new FakeSource(), [] as ReturnType<typeof currentDelivery>[]]
    of(1)
      .pipe(book.deliver())
      .subscribe(() => seen.push(currentDelivery()))
    const outer = enter(seen[0])
    expect(hold).toThrow(HoldError)
    leave(outer)
    expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 0, open: 0 })
  })

  it('ends when the call returns and nobody holds it, whatever synchronous operators did', () => {
    const book = new FakeSource()
    range(1, 5)
      .pipe(
        book.deliver(),
        switchMap((value) => of(value)),
        mergeMap((value) => of(value, value)),
      )
      .subscribe()
    expect(book.sum).toEqual({ done: 5, dropped: 0, failed: 0, open: 0 })
  })

  it('inside another one is a delivery of its own, and gives the outer one back', () => {
    const [outer, inner, seen] = [new FakeSource(), new FakeSource(), [] as unknown[]]
    const release: Release[] = []
    of(1)
      .pipe(outer.deliver())
      .subscribe(() => {
        of(2)
          .pipe(inner.deliver())
          .subscribe(() => release.push(hold()))
        seen.push(inner.sum.open, outer.sum.open)
        release.push(hold())
      })
    expect([seen, inner.sum.open, outer.sum.open]).toEqual([[1, 1], 1, 1])
    release[0]?.()
    expect([inner.sum.open, outer.sum.open]).toEqual([0, 1])
    release[1]?.()
    expect([inner.sum.open, outer.sum.open]).toEqual([0, 0])
  })

  it('of a source that is entered again keeps the order of emission', () => {
    const [book, source$, frontiers] = [new FakeSource(), new Subject<number>(), [] as unknown[]]
    source$.pipe(book.deliver()).subscribe((value) => {
      if (value < 3) source$.next(value + 1)
      frontiers.push(book.frontier)
    })
    source$.next(1)
    expect([frontiers, book.ends]).toEqual([
      [1, 1, 1],
      ['3 done', '2 done', '1 done'],
    ])
  })
})

describe('enter and leave', () => {
  it('make a delivery the current one for a while, and none', () => {
    const none = enter(undefined)
    const batch = new BatchDelivery([])
    const outer = enter(batch)
    expect([none, outer, currentDelivery()]).toEqual([undefined, undefined, batch])
    leave(outer)
    expect(currentDelivery()).toBeUndefined()
  })
})

describe('the deliveries of a batch', () => {
  it('are held and released as one, each in its own book', () => {
    const [one, two, parts] = [
      new FakeSource(),
      new FakeSource(),
      [] as NonNullable<ReturnType<typeof currentDelivery>>[],
    ]
    for (const book of [one, two]) {
      range(1, 2)
        .pipe(book.deliver())
        .subscribe(() => {
          const part = currentDelivery()
          part?.hold()
          if (part !== undefined) parts.push(part)
        })
    }
    const batch = new BatchDelivery(parts)
    const visited: unknown[] = []
    batch.eachSource((source) => visited.push(source))
    expect(visited).toEqual([one, one, two, two])
    batch.hold()
    batch.release('done')
    expect([one.sum.open, two.sum.open]).toEqual([2, 2])
    batch.release('failed')
    expect([one.ends, two.ends]).toEqual([
      ['1 failed', '2 failed'],
      ['1 failed', '2 failed'],
    ])
  })

  it('may be none', () => {
    const empty = new BatchDelivery([])
    expect(() => {
      empty.hold()
      empty.release('done')
      empty.eachSource(() => {
        throw new Error('there is none')
      })
    }).not.toThrow()
  })
})
