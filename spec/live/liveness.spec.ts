import { Subject } from 'rxjs'
import { IdleTimeoutError } from '../../src/errors.js'
import { silence$ } from '../../src/live/liveness.js'
import { marbles } from '../../src/testing/index.js'
import { FakeLink, runFor, scripted } from './sessions.js'

const timedOut = new IdleTimeoutError('nothing was heard for `idleTimeoutMs` (12000 ms)')

describe('silence$', () => {
  it(
    'errors after `idleTimeoutMs` without a sign of life',
    marbles(({ expectObservable }) => {
      const link = new FakeLink(true, false)
      expectObservable(silence$(link, 12_000, () => false)).toBe('12s #', undefined, timedOut)
    }),
  )

  it(
    'pings at each third of `idleTimeoutMs`',
    marbles((helpers) => {
      const link = new FakeLink(true, true)
      runFor(
        helpers,
        25_000,
        silence$(link, 12_000, () => false),
      )
      expect(link.pings).toEqual([4000, 8000, 12_000, 16_000, 20_000, 24_000])
    }),
  )

  it(
    'counts from the last sign of life, at most a twelfth late',
    marbles(({ cold, expectObservable }) => {
      const link = new FakeLink(true, false)
      cold('5s x').subscribe(() => link.receive('frame'))
      // The tick of the very millisecond still sees it.
      expectObservable(silence$(link, 12_000, () => false)).toBe('17s #', undefined, timedOut)
    }),
  )

  it(
    'takes a pong alone for life: a quiet filter is not silence',
    marbles(({ expectObservable }) => {
      const link = new FakeLink(true, true)
      expectObservable(
        silence$(link, 12_000, () => false),
        '^ 300s !',
      ).toBe('')
    }),
  )

  it(
    'neither pings nor counts while nobody reads, and counts anew after that',
    marbles((helpers) => {
      const link = new FakeLink(true, false)
      let paused = false
      helpers.cold('6s p 59999ms r').subscribe((letter) => {
        paused = letter === 'p'
      })
      const { error } = runFor(
        helpers,
        77_000,
        silence$(link, 12_000, () => paused),
      )
      expect(error).toBeUndefined()
      expect(link.pings).toEqual([4000, 68_000, 72_000, 76_000])
    }),
  )

  it(
    'ends with the connection',
    marbles((helpers) => {
      const link = new FakeLink(true, false)
      const over = new Subject<void>()
      const subscription = silence$(link, 12_000, () => false).subscribe({
        error: () => over.error('late'),
      })
      subscription.unsubscribe()
      helpers.flush()
      expect(over.hasError).toBe(false)
    }),
  )
})

describe('the idle timeout of a live source', () => {
  const idleTimeoutMs = 12_000
  const reconnect = { jitter: 'none' } as const

  it(
    'ends a connection that was dead from the start, and dials again',
    marbles((helpers) => {
      const { events$, sessions, snapshots } = scripted(helpers, ['o'], {
        idleTimeoutMs,
        reconnect,
        answersPings: false,
      })
      runFor(helpers, 13_500, events$)
      expect(sessions.times).toEqual([0, 13_000])
      expect(
        snapshots.find(({ connection }) => connection.state === 'waiting')?.connection,
      ).toMatchObject({
        reason: { code: 'IDLE_TIMEOUT' },
      })
    }),
  )

  it(
    'ends a connection that died after its first event',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['o 2999ms a'], {
        idleTimeoutMs,
        reconnect,
        answersPings: false,
      })
      runFor(helpers, 17_000, events$)
      expect(sessions.times).toEqual([0, 16_000])
    }),
  )

  it(
    'leaves a quiet connection alone whose server answers',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['o'], { idleTimeoutMs, reconnect })
      runFor(helpers, 600_001, events$)
      expect(sessions.times).toEqual([0])
      expect(sessions.dials[0]?.connection?.pings).toHaveLength(150)
    }),
  )
})
