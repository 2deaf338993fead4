import { concat, defer, EMPTY, NEVER, of, throwError, timer } from 'rxjs'
import { IngestError, IngestTimeoutError } from '../../src/errors.js'
import { type IngestOptions, ingest } from '../../src/operators/ingest.js'
import { marbles } from '../../src/testing/marbles.js'
import { type Commit, commit, post } from './events.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

const events = { a: commit(post, 1), b: commit(post, 2) }
const plain = { initialDelayMs: 4, jitter: 'none' } as const

/** An ingestor that fails `times` times for each event. */
const failing = (times: number) => {
  const tried = new Map<Commit, number>()
  const ingestor = (event: Commit) => {
    const attempt = (tried.get(event) ?? 0) + 1
    tried.set(event, attempt)
    return attempt > times ? EMPTY : throwError(() => new Error(`attempt ${attempt}`))
  }
  return { ingestor, tried }
}

describe('ingest, when an ingestor fails', () => {
  it(
    'tries again after a delay that grows',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  a-b---------------|', events)
      // After 4 and 8; b waits behind a, and then needs as long.
      const result = '       ------------a-----------(b|)'
      expectObservable(source.pipe(ingest({ '*': failing(2).ingestor }, { backoff: plain }))).toBe(
        result,
        events,
      )
    }),
  )

  it(
    'jitters the delay with the `random` it is given, up to `maxDelayMs`',
    marbles(({ cold, expectObservable }) => {
      const source = cold('  a|', events)
      const result = '       --- 8ms (a|)'
      const backoff = { initialDelayMs: 12, multiplier: 10, maxDelayMs: 16, random: () => 0.25 }
      // A quarter of 12, 16, and 16.
      expectObservable(
        source.pipe(ingest({ '*': failing(3).ingestor }, { attempts: 4, backoff })),
      ).toBe(result, events)
    }),
  )

  describe.each([
    [
      'throws',
      (error: Error): Commit => {
        throw error
      },
    ],
    ['rejects', (error: Error) => Promise.reject(error)],
    ['errors', (error: Error) => throwError(() => error)],
  ])('when it %s', (_, fail) => {
    it('fails the event and ends the stream with both the event and the cause', async () => {
      const [book, errors, cause] = [new FakeSource(), [] as unknown[], new Error('no')]
      of(events.a, events.b)
        .pipe(
          book.deliver(),
          ingest({ [post]: () => fail(cause) as Promise<never> }, { onError: 'fail' }),
        )
        .subscribe({ error: (error) => errors.push(error) })
      await settled()
      expect(errors).toEqual([
        new IngestError('the ingestor of app.bsky.feed.post failed: no', events.a, { cause }),
      ])
      expect(errors[0]).toMatchObject({ event: events.a, cause })
      expect([book.frontier, book.sum.done, book.sum.open]).toEqual([events.a, 0, 0])
    })
  })

  describe('for good', () => {
    const run = (options: IngestOptions<Commit>, ingestor = failing(99).ingestor) => {
      const [book, seen] = [new FakeSource(), [] as unknown[]]
      of(events.a, events.b)
        .pipe(book.deliver(), ingest({ [post]: ingestor }, { attempts: 1, ...options }))
        .subscribe({
          next: ({ n }) => seen.push(n),
          error: (error) => seen.push(error),
          complete: () => seen.push('|'),
        })
      return { book, seen }
    }

    it('gives the event and the last error to `onDeadLetter`, and is done with it', () => {
      const letters: unknown[] = []
      const { book, seen } = run({
        onDeadLetter: (event, error) => void letters.push([event.n, error]),
      })
      expect(letters).toEqual([
        [1, new Error('attempt 1')],
        [2, new Error('attempt 1')],
      ])
      expect(seen).toEqual([1, 2, '|'])
      expect(book.sum).toEqual({ done: 2, dropped: 0, failed: 0, open: 0 })
    })

    it('holds the event until the dead letter is done with it', async () => {
      let taken = () => {}
      const { book, seen } = run({
        onDeadLetter: () => new Promise<void>((resolve) => (taken = resolve)),
      })
      expect([seen, book.sum.open, book.frontier]).toEqual([[], 2, events.a])
      taken()
      await settled()
      expect([seen, book.sum.done]).toEqual([[1], 1])
    })

    it.each(['throws', 'rejects'])('ends the stream when the dead letter %s', async (how) => {
      const cause = new Error('full')
      const onDeadLetter = () => {
        if (how === 'throws') throw cause
        return Promise.reject(cause)
      }
      const { book, seen } = run({ onDeadLetter })
      await settled()
      expect(seen).toEqual([
        new IngestError('the dead letter of app.bsky.feed.post failed: full', events.a, { cause }),
      ])
      expect([book.frontier, book.sum.done, book.sum.open]).toEqual([events.a, 0, 0])
    })

    it('ends the stream without a dead letter, since nothing may be lost in silence', () => {
      const { book, seen } = run({})
      expect(seen).toEqual([expect.any(IngestError)])
      expect(String(seen[0])).toContain(
        '(1 attempts, and no `onDeadLetter`) of app.bsky.feed.post failed: attempt 1',
      )
      expect([book.frontier, book.sum.done]).toEqual([events.a, 0])
    })

    it("drops the event under 'skip', reports it, and continues", () => {
      const [dropped, ingestor] = [[] as number[], failing(1)]
      const { book, seen } = run(
        { onError: 'skip', attempts: 5, onDrop: ({ n }) => dropped.push(n) },
        ingestor.ingestor,
      )
      expect([seen, dropped, [...ingestor.tried.values()]]).toEqual([['|'], [1, 2], [1, 1]])
      expect(book.sum).toEqual({ done: 0, dropped: 2, failed: 0, open: 0 })
    })

    it("gives the event to the dead letter at once under 'skip'", () => {
      const letters: number[] = []
      const { book, seen } = run({
        onError: 'skip',
        attempts: 5,
        onDeadLetter: ({ n }) => void letters.push(n),
      })
      expect([seen, letters, book.sum.done]).toEqual([[1, 2, '|'], [1, 2], 2])
    })

    it("ends the stream with what `onDrop` throws under 'skip'", () => {
      const onDrop = () => {
        throw new Error('onDrop')
      }
      const { book, seen } = run({ onError: 'skip', onDrop })
      expect(seen).toEqual([new Error('onDrop')])
      expect([book.sum.open, book.queued]).toEqual([0, 0])
    })

    it("does not retry under 'fail', and asks no dead letter", () => {
      const [letters, ingestor] = [[] as number[], failing(99)]
      const { seen } = run(
        { onError: 'fail', attempts: 5, onDeadLetter: ({ n }) => void letters.push(n) },
        ingestor.ingestor,
      )
      expect([letters, [...ingestor.tried.values()]]).toEqual([[], [1]])
      expect(seen).toEqual([expect.any(IngestError)])
    })
  })

  describe('off by one in attempts', () => {
    it.each([1, 2, 3, 5])('tries exactly %i times, the first one included', (attempts) =>
      marbles(({ cold, expectObservable, flush }) => {
        const { ingestor, tried } = failing(99)
        const letters: unknown[] = []
        const options = {
          attempts,
          backoff: plain,
          onDeadLetter: (_: Commit, error: unknown) => void letters.push(error),
        }
        expectObservable(cold('a', events).pipe(ingest({ '*': ingestor }, options))).toBe(
          attempts === 1 ? 'a' : `${4 * (2 ** (attempts - 1) - 1)}ms a`,
          events,
        )
        flush()
        expect([tried.get(events.a), letters]).toEqual([
          attempts,
          [new Error(`attempt ${attempts}`)],
        ])
      })(),
    )

    it(
      'tries for ever with `attempts: Infinity`, at `maxDelayMs`',
      marbles(({ cold, expectObservable, flush }) => {
        const { ingestor, tried } = failing(500)
        const options = { attempts: Number.POSITIVE_INFINITY, backoff: { ...plain, maxDelayMs: 4 } }
        expectObservable(cold('a', events).pipe(ingest({ '*': ingestor }, options))).toBe(
          '2000ms a',
          events,
        )
        flush()
        expect(tried.get(events.a)).toBe(501)
      }),
    )
  })

  describe('with `timeoutMs`', () => {
    it(
      'gives up an attempt that takes longer, and tries again',
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('  a-----------------|', events)
        const hangs = cold('   -')
        const result = '       -------a----------|'
        let attempts = 0
        const ingestor = () => (++attempts === 1 ? hangs : EMPTY)
        expectObservable(
          source.pipe(ingest({ '*': ingestor }, { timeoutMs: 3, backoff: plain })),
        ).toBe(result, events)
        expectSubscriptions(hangs.subscriptions).toBe('^--!')
      }),
    )

    it(
      'counts each attempt by itself, and the time before the end, not before a value',
      marbles(({ cold, expectObservable }) => {
        const source = cold('  a-----------------|', events)
        const slow = () => timer(0, 1)
        const result = '       ----------(#)'
        const cause = new IngestTimeoutError(
          'the ingestor of * took longer than `timeoutMs` (3 ms)',
        )
        const error = new IngestError(
          `the ingestor (2 attempts, and no \`onDeadLetter\`) of * failed: ${cause.message}`,
          events.a,
          {
            cause,
          },
        )
        const ingested = source.pipe(
          ingest({ '*': slow }, { timeoutMs: 3, attempts: 2, backoff: plain }),
        )
        expectObservable(ingested).toBe(result, events, error)
      }),
    )

    it('says what took too long', () => {
      const error = new IngestTimeoutError('x')
      expect([error.code, error.retryable]).toEqual(['INGEST_TIMEOUT', true])
    })

    it('does not stop work that ends at once', () => {
      const seen: number[] = []
      of(events.a)
        .pipe(ingest({ '*': () => {} }, { timeoutMs: 1 }))
        .subscribe(({ n }) => seen.push(n))
      expect(seen).toEqual([1])
    })
  })

  it(
    'lets an ingestor that hangs delay no other',
    marbles(({ cold, expectObservable }) => {
      const both = { p: commit(post, 1), l: commit('app.bsky.feed.like', 2) }
      const source = cold('  pllll------|', both)
      const result = '       -llll------'
      const ingestors = { [post]: () => NEVER, 'app.bsky.feed.like': () => EMPTY }
      expectObservable(source.pipe(ingest(ingestors)), '^---------!').toBe(result, both)
    }),
  )

  it(
    'holds what is retried, and fails it when it is left in between',
    marbles(({ cold, expectObservable, flush }) => {
      const book = new FakeSource()
      const source = cold('  ab-------', events).pipe(book.deliver())
      expectObservable(
        source.pipe(ingest({ '*': failing(1).ingestor }, { backoff: plain })),
        '^--!',
      ).toBe('----')
      flush()
      expect([book.sum, book.queued]).toEqual([{ done: 0, dropped: 0, failed: 2, open: 0 }, 0])
    }),
  )

  it(
    'reports an event as slow through all its attempts',
    marbles(({ cold, expectObservable, flush }) => {
      const said: number[] = []
      const slow = defer(() =>
        concat(
          timer(2),
          throwError(() => new Error('no')),
        ),
      )
      const options = {
        attempts: 2,
        backoff: plain,
        slowAfterMs: 3,
        onSlow: (_: Commit, ms: number) => said.push(ms),
        onDeadLetter: () => {},
      }
      expectObservable(cold('a', events).pipe(ingest({ '*': () => slow }, options))).toBe(
        '--------a',
        events,
      )
      flush()
      expect(said).toEqual([3, 6])
    }),
  )
})
