import { Subject, take } from 'rxjs'
import { currentDelivery, hold, type Release } from '../../src/delivery/delivery.js'
import { type MessageParts, NO_PART, splitDelivery } from '../../src/delivery/split-delivery.js'
import { boundedBatchMap } from '../../src/operators/bounded-batch-map.js'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { ControlledWork } from '../operators/controlled-work.js'
import { FakeSource } from '../operators/fake-source.js'

/**
 * A message is a number of parts: 3 is 30, 31 and 32; a negative one has holes at its odd places.
 */
const partsOf = (message: number): MessageParts<number> => ({
  length: Math.abs(message),
  at: (index) => (message > 0 || index % 2 === 0 ? Math.abs(message) * 10 + index : NO_PART),
})

const delivering = () => {
  const [book, source$] = [new FakeSource(), new Subject<number>()]
  return { book, source$, parts$: source$.pipe(book.deliver(), splitDelivery(partsOf)) }
}

describe('the parts of a message', () => {
  it('are emitted in order, in one delivery that is done when none is held', () => {
    const { book, source$, parts$ } = delivering()
    const seen: number[] = []
    parts$.subscribe((part) => seen.push(part))
    source$.next(3)
    source$.next(2)
    expect(seen).toEqual([30, 31, 32, 20, 21])
    expect(book.sum).toEqual({ done: 2, dropped: 0, failed: 0, open: 0 })
  })

  it('hold the message: it is done with the last of them, in whatever order they end', () => {
    const { book, source$, parts$ } = delivering()
    const desk = new ControlledWork()
    parts$.pipe(boundedMergeMap(desk.work, { concurrency: 5 })).subscribe()
    source$.next(3)
    desk.finish(31, 30)
    expect([book.sum.open, book.frontier]).toEqual([1, 3])
    desk.finish(32)
    expect([book.sum.done, book.frontier]).toEqual([1, undefined])
  })

  it('fail it when one of them fails', () => {
    const { book, source$, parts$ } = delivering()
    const releases: Release[] = []
    parts$.subscribe(() => releases.push(hold()))
    source$.next(3)
    releases[0]?.()
    releases[1]?.failed()
    releases[2]?.()
    expect(book.sum).toEqual({ done: 0, dropped: 0, failed: 1, open: 0 })
  })

  it('that nobody saw leave it undone: a cut inside a message is no end of it', () => {
    const { book, source$, parts$ } = delivering()
    const seen: number[] = []
    parts$.pipe(take(4)).subscribe((part) => seen.push(part))
    source$.next(2)
    source$.next(3)
    expect(seen).toEqual([20, 21, 30, 31])
    expect([book.sum, book.frontier]).toEqual([{ done: 1, dropped: 0, failed: 1, open: 0 }, 3])
  })

  it('that could not be made leave it undone: the stream ends before the message', () => {
    const [book, source$] = [new FakeSource(), new Subject<number>()]
    const breaking = (message: number): MessageParts<number> => ({
      length: message + 1,
      at: (index) => {
        if (message === 3 && index === message) throw new Error('no more')
        return index === message ? NO_PART : message * 10 + index
      },
    })
    const [seen, errors]: [number[], unknown[]] = [[], []]
    source$
      .pipe(book.deliver(), splitDelivery(breaking))
      .subscribe({ next: (part) => seen.push(part), error: (error) => errors.push(error) })
    source$.next(2)
    source$.next(3)
    expect(seen).toEqual([20, 21, 30, 31, 32])
    expect(errors).toEqual([new Error('no more')])
    expect([book.sum, book.frontier]).toEqual([{ done: 1, dropped: 0, failed: 1, open: 0 }, 3])
  })

  it('are all seen when the cut falls behind the last of them', () => {
    const { book, source$, parts$ } = delivering()
    parts$.pipe(take(3)).subscribe()
    source$.next(3)
    expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 0, open: 0 })
  })

  it('know their place, wanted neighbours or not, also in work that begins later', () => {
    const { source$, parts$ } = delivering()
    const places: unknown[] = []
    const desk = new ControlledWork()
    parts$
      .pipe(
        boundedMergeMap((part) => {
          const place = currentDelivery()?.place
          places.push([part, place?.host, place?.position, place?.index])
          return desk.work(part)
        }),
      )
      .subscribe()
    source$.next(-3)
    desk.finish(30)
    expect(places).toEqual([
      [30, 'wss://book.test', 1, 0],
      [32, 'wss://book.test', 1, 2],
    ])
  })

  it('are made between two emissions: what makes them is not on the stack of a handler', () => {
    const stacks: string[] = []
    const source$ = new Subject<number>()
    const makePart = (index: number) => index
    source$
      .pipe(splitDelivery((length) => ({ length, at: makePart })))
      .subscribe(() => stacks.push(new Error().stack ?? ''))
    source$.next(1)
    expect(stacks).toHaveLength(1)
    expect(stacks[0]).toContain('emitShares')
    expect(stacks[0]).not.toContain('makePart')
  })

  it('of a batch have no place of their own', () => {
    const { source$, parts$ } = delivering()
    const places: unknown[] = []
    parts$
      .pipe(
        boundedBatchMap(
          () => {
            places.push(currentDelivery()?.place)
            return []
          },
          { size: 2 },
        ),
      )
      .subscribe()
    source$.next(2)
    expect(places).toEqual([undefined])
  })

  it('pass without a delivery, too', () => {
    const seen: unknown[] = []
    const source$ = new Subject<number>()
    source$.pipe(splitDelivery(partsOf)).subscribe((part) => seen.push([part, currentDelivery()]))
    source$.next(1)
    expect(seen).toEqual([[10, undefined]])
  })
})
