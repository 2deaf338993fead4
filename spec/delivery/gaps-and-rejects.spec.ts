import { config, take, timer } from 'rxjs'
import { hold, type Release } from '../../src/delivery/delivery.js'
import { type Gap, Gaps } from '../../src/delivery/gaps.js'
import { streamMetrics } from '../../src/delivery/metrics.js'
import { type RejectedFrame, reject } from '../../src/delivery/rejects.js'
import { FrameError, FrameTooLargeError } from '../../src/errors.js'
import { LargeFrame } from '../../src/socket/large-frame.js'
import { marbles } from '../../src/testing/index.js'
import { numbered, runFor, scripted } from '../live/sessions.js'

describe('Gaps', () => {
  const at = (position: number, host = 'ws://a') => ({ host, position, time_us: 0 })

  it('joins drops to one range with their exact count, until it is told to report them', () => {
    const seen: Gap[] = []
    const gaps = new Gaps({ next: (gap) => seen.push(gap) })
    for (const position of [5, 3, 9]) gaps.drop(at(position), true)
    expect(seen).toEqual([])
    gaps.flush()
    gaps.flush()
    expect(seen).toEqual([
      { host: 'ws://a', from: 3, to: 9, count: 3, reason: 'dropped', recoverable: true },
    ])
    expect(Object.isFrozen(seen[0])).toBe(true)
    expect(gaps.count).toBe(1)
  })

  it('never joins the positions of two hosts', () => {
    const seen: Gap[] = []
    const gaps = new Gaps({ next: (gap) => seen.push(gap) })
    gaps.drop(at(1), true)
    gaps.drop(at(2, 'ws://b'), true)
    gaps.flush()
    expect(seen.map(({ host, from, to, count }) => [host, from, to, count])).toEqual([
      ['ws://a', 1, 1, 1],
      ['ws://b', 2, 2, 1],
    ])
  })

  it('says whether the server would send the range again', () => {
    const seen: Gap[] = []
    const gaps = new Gaps({ next: (gap) => seen.push(gap) })
    gaps.drop(at(1), false)
    gaps.flush()
    expect(seen.map(({ recoverable }) => recoverable)).toEqual([false])
  })

  it('warns of what is lost for good, where nobody observes gaps', () => {
    const warn = jest.fn()
    const gaps = new Gaps(undefined, { warn })
    const gap = { host: 'ws://a', from: 3, to: undefined, reason: 'cursor-too-old' } as const
    gaps.report({ ...gap, recoverable: true })
    gaps.drop(at(1), false)
    gaps.flush()
    new Gaps({ next: () => {} }, { warn }).report({ ...gap, recoverable: false })
    expect(warn).not.toHaveBeenCalled()
    gaps.report({ ...gap, recoverable: false })
    expect(warn.mock.calls).toEqual([
      ['ws://a: events may be lost, from 3 to an unknown position (cursor-too-old)'],
    ])
  })

  it('warns of a frame that was too large, which comes again only with a larger limit', () => {
    const warn = jest.fn()
    new Gaps(undefined, { warn }).report({
      host: 'ws://a',
      from: 3,
      to: 3,
      reason: 'frame-too-large',
      recoverable: true,
      count: 1,
    })
    expect(warn.mock.calls).toEqual([['ws://a: 1 event is lost, from 3 to 3 (frame-too-large)']])
  })

  it(
    'warns of gaps of one reason once a minute at most',
    marbles((helpers) => {
      const warn = jest.fn()
      const gaps = new Gaps(undefined, { warn })
      const trim = () =>
        gaps.report({
          host: 'ws://a',
          from: 3,
          to: 4,
          count: 2,
          reason: 'trimmed',
          recoverable: false,
        })
      timer(0, 10_000).pipe(take(7)).subscribe(trim)
      timer(30_000).subscribe(() =>
        gaps.report({ host: 'ws://a', from: 3, to: 4, reason: 'renumbered', recoverable: false }),
      )
      helpers.flush()
      expect(warn.mock.calls).toEqual([
        ['ws://a: 2 events are lost, from 3 to 4 (trimmed)'],
        ['ws://a: events may be lost, from 3 to 4 (renumbered)'],
        ['ws://a: 2 events are lost, from 3 to 4 (trimmed)'],
      ])
    }),
  )

  it('counts also where nobody listens', () => {
    const gaps = new Gaps(undefined)
    gaps.drop(at(1), true)
    gaps.flush()
    expect(gaps.count).toBe(1)
  })
})

describe('gaps of a live source', () => {
  /** Drops the deliveries with these positions `afterMs` after they came. */
  const dropping = (positions: readonly number[], afterMs: number) => {
    const releases: Release[] = []
    return {
      next: ({ position }: { readonly position: number }) => {
        const release = hold()
        releases.push(release)
        timer(afterMs).subscribe(() =>
          positions.includes(position) ? release.dropped() : release(),
        )
      },
    }
  }

  it(
    'hold the drops of each second as one range',
    marbles((helpers) => {
      const { events$, gaps } = scripted(helpers, ['(oabcd) 1193ms efg'])
      const subscription = events$.subscribe(dropping([2, 3, 5, 7], 10))
      timer(2500).subscribe(() => subscription.unsubscribe())
      helpers.flush()
      expect(gaps.map(({ from, to, count, reason }) => [from, to, count, reason])).toEqual([
        [2, 3, 2, 'dropped'],
        [5, 7, 2, 'dropped'],
      ])
    }),
  )

  it(
    'are reported at the end of the stream, and of what is dropped after it',
    marbles((helpers) => {
      const { events$, gaps } = scripted(helpers, ['(oabcd)'])
      const subscription = events$.subscribe(dropping([1, 2, 3, 4], 300))
      timer(100).subscribe(() => subscription.unsubscribe())
      helpers.flush()
      expect(gaps).toEqual([
        { host: 'ws://a', from: 1, to: 4, count: 4, reason: 'dropped', recoverable: true },
      ])
    }),
  )

  it(
    'tell of a frame that is too large, which the next connection has the server leave out, once',
    marbles((helpers) => {
      const { events$, gaps, sessions } = scripted(helpers, ['(oab)#', '(obe)', '(oef)'], {
        errors: [new FrameTooLargeError('too large')],
        reconnect: { jitter: 'none' },
      })
      const { seen } = runFor(helpers, 10_000, events$)
      expect(gaps).toEqual([
        { host: 'ws://a', from: 2, to: undefined, reason: 'frame-too-large', recoverable: true },
      ])
      expect(sessions.urls).toEqual([
        'ws://a?cursor=live',
        'ws://a?cursor=2&small',
        'ws://a?cursor=5',
      ])
      expect(seen.map(({ id }) => id)).toEqual(['a', 'b', 'e', 'f'])
    }),
  )

  it(
    'tell of a large frame that the server was asked to leave out: it is skipped for good',
    marbles((helpers) => {
      const { events$, gaps, rejects, sessions } = scripted(
        helpers,
        ['(oab)#', '(obxe)', '(oef)'],
        {
          frames: { x: new LargeFrame('{"id":', 2_000_000) },
          errors: [new FrameTooLargeError('too large')],
          reconnect: { jitter: 'none' },
        },
      )
      const { seen } = runFor(helpers, 10_000, events$)
      expect(gaps.map(({ from, to, count }) => [from, to, count])).toEqual([
        [2, undefined, undefined],
        [2, undefined, 1],
      ])
      expect(rejects).toMatchObject([{ frame: '{"id":', length: 2_000_000 }])
      expect(sessions.urls).toEqual([
        'ws://a?cursor=live',
        'ws://a?cursor=2&small',
        'ws://a?cursor=5',
      ])
      expect(sessions.dials.map(({ options }) => options.skipsLargeFrames)).toEqual([
        false,
        true,
        false,
      ])
      expect(seen.map(({ id }) => id)).toEqual(['a', 'b', 'e', 'f'])
    }),
  )

  it(
    'ask for large frames again also after an event that is not wanted',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['(oab)#', '(obu)', 'o'], {
        frames: { u: numbered(5, 'unwanted') },
        errors: [new FrameTooLargeError('too large')],
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 10_000, events$)
      expect(sessions.urls).toEqual([
        'ws://a?cursor=live',
        'ws://a?cursor=2&small',
        'ws://a?cursor=5',
      ])
    }),
  )
})

describe('rejects', () => {
  const rejected = (frame: string | Uint8Array) => {
    const seen: RejectedFrame[] = []
    reject({ next: (one) => seen.push(one) }, 'ws://a', frame, new FrameError('broken'))
    return seen[0] as RejectedFrame
  }

  it('keep the frame as it came', () => {
    expect(rejected('{"a":')).toMatchObject({
      host: 'ws://a',
      frame: '{"a":',
      length: 5,
      error: { code: 'FRAME' },
    })
    expect(rejected(Uint8Array.of(1, 255))).toMatchObject({
      frame: Uint8Array.of(1, 255),
      length: 2,
    })
    expect(Object.isFrozen(rejected(''))).toBe(true)
  })

  it('cut it after 65,536, and keep its length', () => {
    expect(rejected('x'.repeat(65_536)).frame).toHaveLength(65_536)
    expect(rejected('x'.repeat(65_537))).toMatchObject({
      frame: 'x'.repeat(65_536),
      length: 65_537,
    })
    expect(rejected(new Uint8Array(70_000))).toMatchObject({
      frame: new Uint8Array(65_536),
      length: 70_000,
    })
  })

  it.each([10, 70_000])(
    'keep bytes of their own, not a window on the socket’s buffer (of %i)',
    (size) => {
      const bytes = new Uint8Array(size)
      const { frame } = rejected(Buffer.from(bytes.buffer))
      bytes.fill(9)
      expect((frame as Uint8Array)[0]).toBe(0)
    },
  )

  it(
    'leave the connection alone, and move the position where it can be read',
    marbles((helpers) => {
      const { events$, rejects, metrics$, sessions } = scripted(helpers, ['(oaxyb)#', 'o'], {
        frames: { x: 'broken', y: 'broken 26' },
        reconnect: { jitter: 'none' },
      })
      const { seen } = runFor(helpers, 5000, events$)
      expect(rejects.map(({ frame, error }) => [frame, error.place?.position])).toEqual([
        ['broken', undefined],
        ['broken 26', 26],
      ])
      expect(seen).toHaveLength(2)
      expect(metrics$.value.cursor).toBe(2)
      expect(sessions.urls).toEqual(['ws://a?cursor=live', 'ws://a?cursor=2'])
    }),
  )

  it(
    'are where the next connection starts, when one came last; its repeat is no other log',
    marbles((helpers) => {
      const { events$, sessions, gaps } = scripted(helpers, ['(oay)#', '(oyb)'], {
        frames: { y: 'broken 2', b: numbered(3) },
        reconnect: { jitter: 'none' },
      })
      const { seen } = runFor(helpers, 5000, events$)
      expect(sessions.urls).toEqual(['ws://a?cursor=live', 'ws://a?cursor=2'])
      expect(seen.map(({ position }) => position)).toEqual([1, 3])
      expect(gaps).toEqual([])
    }),
  )

  it(
    'stand among events that share their position without making them strangers',
    marbles((helpers) => {
      const shared = {
        a: numbered(7, 'a'),
        y: 'broken 7',
        c: numbered(7, 'c'),
        d: numbered(8, 'd'),
      }
      const { events$, gaps, sessions } = scripted(helpers, ['(oayc)#', '(oaycd)'], {
        frames: shared,
        reconnect: { jitter: 'none' },
      })
      const { seen } = runFor(helpers, 5000, events$)
      expect(seen.map(({ id }) => id)).toEqual(['a', 'c', 'd'])
      expect(gaps).toEqual([])
      expect(sessions.dials).toHaveLength(2)
    }),
  )
})

describe('an observer that throws', () => {
  const failing = { next: () => fail() }
  const fail = (): never => {
    throw new Error('of the observer')
  }

  it.each(['rejects', 'gaps', 'metrics$'] as const)(
    '(%s) does not end the stream; RxJS reports what it throws',
    (option) => {
      const reported: unknown[] = []
      config.onUnhandledError = (error) => reported.push(error)
      try {
        marbles((helpers) => {
          const metrics$ = streamMetrics()
          if (option === 'metrics$') metrics$.next = fail
          const observer = option === 'metrics$' ? metrics$ : failing
          const { events$ } = scripted(helpers, ['(oaxb)#', '(oef)'], {
            frames: { x: 'broken 2' },
            reconnect: { jitter: 'none' },
            [option]: observer,
          })
          const { seen, error } = runFor(helpers, 5000, events$)
          expect(error).toBeUndefined()
          expect(seen.map(({ id }) => id)).toEqual(['a', 'b', 'e', 'f'])
        })()
      } finally {
        config.onUnhandledError = null
      }
      expect(reported).toContainEqual(new Error('of the observer'))
    },
  )
})
