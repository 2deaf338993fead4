import { CursorLoopError } from '../../../src/errors.js'
import type { RepoEvent } from '../../../src/sources/repos/events.js'
import { RepeatDetector } from '../../../src/sources/repos/repeat-detector.js'

const repo = (n: number): RepoEvent => ({ did: `did:web:${n}.example`, head: 'h', rev: `r${n}` })
const page = (next: string | undefined, ...numbers: readonly number[]) => ({
  next,
  repos: numbers.map(repo),
})

/**
 * How many pages are taken of a listing that goes `tail` pages straight, and then round over
 * `cycle` pages.
 */
function pagesUntilFound(tail: number, cycle: number, byCursor: boolean): number {
  const repeats = new RepeatDetector()
  for (let n = 0, step = 0; step < 10_000; step += 1) {
    const next = n + 1 < tail + cycle ? n + 1 : tail
    const asked = byCursor ? `c${n}` : `c${step}`
    try {
      repeats.check(
        asked,
        page(byCursor ? `c${next}` : `c${step + 1}`, ...(byCursor ? [step] : [n])),
      )
    } catch (error) {
      expect(error).toBeInstanceOf(CursorLoopError)
      return step + 1
    }
    n = next
  }
  return Number.POSITIVE_INFINITY
}

describe('RepeatDetector', () => {
  it('finds a page that names itself as the next one', () => {
    expect(() => new RepeatDetector().check('c', page('c', 1))).toThrow(/names itself/)
  })

  it('finds the page before once more, though its cursor leads on', () => {
    const repeats = new RepeatDetector()
    repeats.check(undefined, page('a', 1, 2))
    expect(() => repeats.check('a', page('b', 1, 2))).toThrow(
      /the page before the cursor b came twice/,
    )
  })

  it.each([
    [0, 2],
    [0, 7],
    [3, 2],
    [5, 5],
    [100, 3],
    [1, 64],
    [50, 200],
  ])(
    'finds a round of cursors and of pages, %d pages in and %d long, within three times as many',
    (tail, cycle) => {
      for (const byCursor of [true, false]) {
        const taken = pagesUntilFound(tail, cycle, byCursor)
        expect(taken).toBeGreaterThan(tail + cycle - 1)
        expect(taken).toBeLessThanOrEqual(3 * (tail + cycle) + 3)
      }
    },
  )

  it('finds nothing in 100,000 pages of a listing that goes on', () => {
    const repeats = new RepeatDetector()
    for (let n = 0; n < 100_000; n += 1)
      repeats.check(n === 0 ? undefined : `${n}`, page(`${n + 1}`, n))
    expect(() => repeats.check('100000', page(undefined, 100_000))).not.toThrow()
  })

  it('tells apart pages of equal length that begin or end alike, and pages of bad repos', () => {
    const repeats = new RepeatDetector()
    repeats.check(undefined, page('a', 1, 2, 3))
    repeats.check('a', page('b', 1, 2, 4))
    repeats.check('b', page('c', 2, 2, 4))
    repeats.check('c', { next: 'd', repos: [null, 5] })
    expect(() => repeats.check('d', { next: 'e', repos: [null, 6] })).not.toThrow()
    expect(() => repeats.check('e', { next: 'f', repos: [null, 6] })).toThrow(CursorLoopError)
  })

  it('knows the repos of the page before, in the same state, and of no page before that', () => {
    const repeats = new RepeatDetector()
    const isRepeat = (repos: readonly RepoEvent[]) => repos.map((one) => repeats.isRepeat(one))
    repeats.check(undefined, page('a', 1, 2))
    expect(isRepeat([repo(1), repo(2)])).toEqual([false, false])
    repeats.check('a', page('b', 2, 3))
    expect(isRepeat([repo(2), repo(3)])).toEqual([true, false])
    repeats.check('b', page('c', 3, 1))
    expect(isRepeat([{ ...repo(3), rev: 'later' }, repo(1)])).toEqual([false, false])
  })
})
