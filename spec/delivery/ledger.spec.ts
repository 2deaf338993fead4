import * as fc from 'fast-check'
import { Subject } from 'rxjs'
import { hold, type Outcome, type Release } from '../../src/delivery/delivery.js'
import { FakeSource } from '../operators/fake-source.js'

const letGo = (release: Release | undefined, outcome: Outcome): void => {
  if (outcome === 'done') release?.()
  else release?.[outcome]()
}

/** A ledger whose values are all held. */
const holding = () => {
  const [book, source$, releases] = [
    new FakeSource(),
    new Subject<number>(),
    new Map<number, Release>(),
  ]
  source$.pipe(book.deliver()).subscribe((value) => releases.set(value, hold()))
  const settle = (value: number, outcome: Outcome = 'done') => letGo(releases.get(value), outcome)
  return { book, settle, deliver: (value: number) => source$.next(value) }
}

describe('the ledger', () => {
  it('has no frontier before the first delivery, and none when all are done', () => {
    const { book, settle, deliver } = holding()
    expect(book.frontier).toBeUndefined()
    deliver(1)
    settle(1)
    expect(book.frontier).toBeUndefined()
  })

  it('has its frontier at the oldest open delivery, in whatever order they end', () => {
    const { book, settle, deliver } = holding()
    for (const value of [1, 2, 3, 4]) deliver(value)
    const frontiers = [2, 1, 4, 3].map((value) => {
      settle(value)
      return book.frontier
    })
    expect(frontiers).toEqual([1, 3, 3, undefined])
  })

  it('keeps its frontier at the first failed delivery for ever, whatever is done after it', () => {
    const { book, settle, deliver } = holding()
    for (const value of [1, 2, 3, 4]) deliver(value)
    settle(3, 'failed')
    expect(book.frontier).toBe(1)
    settle(1)
    expect(book.frontier).toBe(2)
    settle(2, 'failed')
    expect(book.frontier).toBe(2)
    settle(4)
    deliver(5)
    settle(5)
    expect(book.frontier).toBe(2)
  })

  it('passes what was dropped', () => {
    const { book, settle, deliver } = holding()
    for (const value of [1, 2]) deliver(value)
    settle(1, 'dropped')
    expect(book.frontier).toBe(2)
    settle(2, 'dropped')
    expect([book.frontier, book.sum]).toEqual([
      undefined,
      { done: 0, dropped: 2, failed: 0, open: 0 },
    ])
  })

  it('tells the host, the position and the time of its frontier', () => {
    const { book, deliver } = holding()
    deliver(7)
    expect(book.ledger.frontier).toMatchObject({
      host: 'wss://book.test',
      position: 1,
      time_us: 1,
      ordinal: 1,
      event: 7,
    })
  })

  it('lets go of deliveries that are settled', () => {
    const { book, settle, deliver } = holding()
    for (let value = 0; value < 1000; value += 1) deliver(value)
    const oldest = book.ledger.frontier
    for (let value = 0; value < 999; value += 1) settle(value)
    expect([
      oldest?.next,
      oldest?.previous,
      book.ledger.frontier?.previous,
      book.ledger.frontier?.next,
    ]).toEqual([undefined, undefined, undefined, undefined])
  })

  it('balances at every step, with its frontier at the oldest that is open or failed', () => {
    const outcomes = fc.constantFrom<Outcome>('done', 'dropped', 'failed')
    const steps = fc.array(fc.option(fc.tuple(fc.nat(), outcomes), { nil: undefined }), {
      maxLength: 100,
    })
    fc.assert(
      fc.property(steps, (all) => {
        const { book, settle, deliver } = holding()
        const [open, failed] = [[] as number[], [] as number[]]
        for (const [value, step] of all.entries()) {
          if (step === undefined) {
            deliver(value)
            open.push(value)
          } else {
            for (const ended of open.splice(step[0] % (open.length + 1), 1)) {
              settle(ended, step[1])
              if (step[1] === 'failed') failed.push(ended)
            }
          }
          const { delivered, done, dropped, failed: failures, open: left } = book.ledger
          expect(delivered).toBe(done + dropped + failures + left)
          expect([left, failures]).toEqual([open.length, failed.length])
          const unfinished = [...open, ...failed]
          expect(book.frontier).toBe(unfinished.length === 0 ? undefined : Math.min(...unfinished))
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})
