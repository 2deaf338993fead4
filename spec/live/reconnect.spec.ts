import { map } from 'rxjs'
import {
  ConnectError,
  ConnectionClosedError,
  ReconnectExhaustedError,
  RefusedError,
} from '../../src/errors.js'
import { marbles } from '../../src/testing/index.js'
import { runFor, scripted } from './sessions.js'

const refused = (status: number, retryAfterMs?: number) =>
  new RefusedError(`refused with ${status}`, {
    status,
    body: '',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

describe('reconnect', () => {
  it(
    'dials on subscription, delivers, and dials again after a close of any kind',
    marbles((helpers) => {
      const { events$ } = scripted(helpers, ['-o-a-b#', 'o-b-c'], {
        reconnect: { jitter: 'none', initialDelayMs: 10 },
      })
      helpers.expectObservable(events$.pipe(map(({ id }) => id)), '^ 30ms !').toBe('---a-b 14ms c')
    }),
  )

  it(
    'opens one connection for each subscription, none before, and closes it on unsubscription',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['o'])
      expect(sessions.dials).toHaveLength(0)
      runFor(helpers, 100, events$)
      runFor(helpers, 100, events$)
      expect(sessions.dials.map(({ at, closedAt }) => [at, closedAt])).toEqual([
        [0, 100],
        [100, 200],
      ])
    }),
  )

  it(
    'waits twice as long after each attempt in vain, up to `maxDelayMs`',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#'], {
        reconnect: { jitter: 'none', maxDelayMs: 10_000 },
      })
      runFor(helpers, 46_000, events$)
      expect(sessions.waits).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000, 10_000])
    }),
  )

  it(
    'takes a random part of the delay under full jitter',
    marbles((helpers) => {
      const chances = [0.5, 0.25, 0, 0.75]
      const { events$, sessions } = scripted(helpers, ['#'], {
        reconnect: { random: () => chances.shift() ?? 1 },
      })
      runFor(helpers, 8000, events$)
      expect(sessions.waits.slice(0, 4)).toEqual([500, 500, 0, 6000])
    }),
  )

  it(
    'starts over with the first delay once an event came',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#', '#', 'oa#', '#', '#'], {
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 6500, events$)
      expect(sessions.waits).toEqual([1000, 2000, 1002, 2000])
    }),
  )

  it(
    'does not start over for a connection that brings only control frames, rejects or repeats',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['(oa)#', '(oac)#', '(oab)#', '(oa)#'], {
        frames: { b: 'broken', c: 'control' },
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 20_000, events$)
      expect(sessions.waits.map((wait) => Math.floor(wait / 1000))).toEqual([1, 2, 4, 8])
    }),
  )

  it(
    'starts over after a connection that lived for a minute, though it brought nothing',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#', '#', 'o 59999ms #', '#'], {
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 66_000, events$)
      expect(sessions.waits).toEqual([1000, 2000, 61_000])
    }),
  )

  it(
    'does not start over after a connection that lived for less',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#', '#', 'o 59998ms #', '#'], {
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 70_000, events$)
      expect(sessions.waits).toEqual([1000, 2000, 59_999 + 4000])
    }),
  )

  it(
    'ends after `maxAttempts` retries in a row, with what the last one met',
    marbles((helpers) => {
      const errors = [
        new ConnectError('first'),
        new ConnectError('second'),
        new ConnectError('third'),
      ]
      const { events$, sessions, snapshots } = scripted(helpers, ['#'], {
        errors,
        reconnect: { jitter: 'none', maxAttempts: 2 },
      })
      const { error } = runFor(helpers, 60_000, events$)
      expect(sessions.dials).toHaveLength(3)
      expect(error).toBeInstanceOf(ReconnectExhaustedError)
      expect((error as Error).cause).toBe(errors[2])
      expect(snapshots.at(-1)?.connection).toEqual({
        state: 'closed',
        host: 'ws://a',
        reason: error,
        since: expect.any(Number),
      })
    }),
  )

  it(
    'ends at the first failure with `maxAttempts: 0`',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#'], { reconnect: { maxAttempts: 0 } })
      expect(runFor(helpers, 60_000, events$).error).toBeInstanceOf(ReconnectExhaustedError)
      expect(sessions.dials).toHaveLength(1)
    }),
  )

  it(
    'counts attempts in a row only: an event gives all of them back',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#', '#', '(oa)#', '#', '(oab)'], {
        reconnect: { jitter: 'none', maxAttempts: 2 },
      })
      expect(runFor(helpers, 60_000, events$).error).toBeUndefined()
      expect(sessions.dials).toHaveLength(5)
    }),
  )

  it(
    'waits at least as long as `Retry-After` says',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#'], {
        errors: [refused(503, 5000), refused(429, 500), refused(503)],
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 12_000, events$)
      expect(sessions.waits).toEqual([5000, 2000, 4000])
    }),
  )

  it.each([400, 401, 403, 404, 301, 501])(
    'ends with the refusal when the server answers %i',
    (status) => {
      marbles((helpers) => {
        const { events$, sessions } = scripted(helpers, ['#'], { errors: [refused(status)] })
        expect(runFor(helpers, 60_000, events$).error).toMatchObject({ code: 'REFUSED', status })
        expect(sessions.dials).toHaveLength(1)
      })()
    },
  )

  it.each([408, 425, 429, 500, 502, 503])('goes on after %i', (status) => {
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#', 'o'], { errors: [refused(status)] })
      expect(runFor(helpers, 60_000, events$).error).toBeUndefined()
      expect(sessions.dials).toHaveLength(2)
    })()
  })

  it(
    'ends with an error of the program, which is no failure of the connection',
    marbles((helpers) => {
      const mistake = new TypeError('no')
      const { events$, sessions } = scripted(helpers, ['#'], { errors: [mistake] })
      expect(runFor(helpers, 60_000, events$).error).toBe(mistake)
      expect(sessions.dials).toHaveLength(1)
    }),
  )

  it.each([1000, 1001, 1006, 1008, 1011, 1012])('goes on after a close with %i', (code) => {
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['oa#', 'o'], {
        errors: [new ConnectionClosedError(code, '')],
      })
      expect(runFor(helpers, 60_000, events$)).not.toHaveProperty('error')
      expect(sessions.dials).toHaveLength(2)
    })()
  })

  it(
    'dials the next host of the list when one fails, and begins again after the last',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['#'], {
        hosts: ['ws://a', 'ws://b', 'ws://c'],
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 8000, events$)
      expect(sessions.urls.map((url) => url.slice(0, 6))).toEqual([
        'ws://a',
        'ws://b',
        'ws://c',
        'ws://a',
      ])
    }),
  )

  it(
    'dials a host that brought events once more before the next one',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['oa#', '#', 'ob#', '#'], {
        hosts: ['ws://a', 'ws://b'],
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 5000, events$)
      expect(sessions.urls.map((url) => url.slice(0, 6))).toEqual([
        'ws://a',
        'ws://a',
        'ws://b',
        'ws://b',
      ])
    }),
  )

  it(
    'leaves a host that opens and drops for the next one, at the second time',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['o#'], {
        hosts: ['ws://a', 'ws://b'],
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 8000, events$)
      expect(sessions.urls.map((url) => url.slice(0, 6))).toEqual([
        'ws://a',
        'ws://a',
        'ws://b',
        'ws://a',
      ])
    }),
  )

  it(
    'gives the dial its options',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['o'], {
        connectTimeoutMs: 77,
        maxFrameBytes: 88,
        headers: { a: 'b' },
      })
      runFor(helpers, 100, events$)
      expect(sessions.dials[0]?.options).toMatchObject({
        connectTimeoutMs: 77,
        maxFrameBytes: 88,
        headers: { a: 'b' },
      })
    }),
  )
})
