import { timer } from 'rxjs'
import { hold } from '../../src/delivery/delivery.js'
import { type HealthLimits, healthOf } from '../../src/delivery/health.js'
import { streamMetrics } from '../../src/delivery/metrics.js'
import { ConfigError } from '../../src/errors.js'
import { marbles } from '../../src/testing/index.js'
import { runFor, scripted } from '../live/sessions.js'

type Helpers = Parameters<Parameters<typeof marbles>[0]>[0]
type Options = Parameters<typeof scripted>[2]

/** What is wrong with a stream at each of these times, in milliseconds. */
function problemsAt(
  helpers: Helpers,
  { sessions, options, limits }: { sessions: string[]; options?: Options; limits?: HealthLimits },
  ...times: readonly number[]
): readonly (readonly string[])[] {
  const { events$, metrics$ } = scripted(helpers, sessions, options)
  const found: (readonly string[])[] = []
  for (const ms of times)
    timer(ms).subscribe(() => found.push(healthOf(metrics$.value, limits).reasons))
  runFor(helpers, Math.max(...times) + 1, events$)
  return found
}

const reconnect = { jitter: 'none', maxDelayMs: 1000 } as const

describe('healthOf', () => {
  it('finds a stream unhealthy that is not subscribed', () => {
    const { healthy, reasons } = healthOf(streamMetrics().value)
    expect([healthy, reasons]).toEqual([false, ['the stream is not subscribed']])
  })

  it(
    'finds a stream healthy while it first connects, and for `withinMs` without a connection',
    marbles((helpers) => {
      const dead = { sessions: ['#'], options: { reconnect }, limits: { withinMs: 10_000 } }
      const why = 'no connection to ws://a for 11 s: the connection closed with 1006'
      expect(problemsAt(helpers, dead, 1, 9000, 11_000)).toEqual([[], [], [why]])
    }),
  )

  it(
    'counts from the end of the connection, over all attempts',
    marbles((helpers) => {
      const lost = {
        sessions: ['o 20s #', '#'],
        options: { reconnect },
        limits: { withinMs: 5000 },
      }
      const problems = problemsAt(helpers, lost, 19_000, 24_000, 26_000)
      expect(problems.map(({ length }) => length)).toEqual([0, 0, 1])
    }),
  )

  it(
    'finds an open stream healthy that is quiet, however old its last event is',
    marbles((helpers) => {
      const quiet = {
        sessions: ['oa'],
        options: { frames: { a: { id: 'a', position: 1, time_us: -3_600_000_000 } } },
        limits: { maxLagMs: 60_000 },
      }
      const behind = 'events are 60 min behind, more than 60 s'
      expect(problemsAt(helpers, quiet, 5000, 11_000, 600_000)).toEqual([[behind], [], []])
    }),
  )

  it(
    'finds a stream behind while the work on an old event lasts',
    marbles((helpers) => {
      const { events$, metrics$ } = scripted(helpers, ['oa'], {
        frames: { a: { id: 'a', position: 1, time_us: -3_600_000_000 } },
      })
      const subscription = events$.subscribe(() => hold())
      timer(30_000).subscribe(() => {
        expect(healthOf(metrics$.value, { maxLagMs: 60_000 }).healthy).toBe(false)
        expect(healthOf(metrics$.value).healthy).toBe(true)
        subscription.unsubscribe()
      })
      helpers.flush()
      expect.assertions(2)
    }),
  )

  it(
    'finds a stream unhealthy that has ended, and tells why it failed',
    marbles((helpers) => {
      const { events$, metrics$ } = scripted(helpers, ['#'], {
        reconnect: { maxAttempts: 0 },
      })
      runFor(helpers, 10, events$)
      expect(healthOf(metrics$.value).reasons).toEqual([
        expect.stringMatching(/^the stream has failed: .*the connection closed with 1006/),
      ])
      const ended = scripted(helpers, ['o'])
      runFor(helpers, 10, ended.events$)
      expect(healthOf(ended.metrics$.value).reasons).toEqual(['the stream has ended'])
    }),
  )

  it('refuses limits that are not valid, all of them', () => {
    const limits = { withinMs: 0, maxLagMs: 'long' } as unknown as HealthLimits
    expect(() => healthOf(streamMetrics().value, limits)).toThrow(ConfigError)
    expect(() => healthOf(streamMetrics().value, limits)).toThrow(/withinMs[\s\S]*maxLagMs/)
  })
})
