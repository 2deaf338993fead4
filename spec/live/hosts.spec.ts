import { asyncScheduler } from 'rxjs'
import type { RunHelpers } from 'rxjs/testing'
import { ConnectionClosedError, RefusedError, ServerError } from '../../src/errors.js'
import { Hosts } from '../../src/live/hosts.js'
import { marbles } from '../../src/testing/index.js'
import { runFor, scripted } from './sessions.js'

const INVALID = '{"error":"InvalidRequest","message":"unknown kind"}'

const refused = (status: number, body = '', retryAfterMs?: number) =>
  new RefusedError(`refused with ${status}`, {
    status,
    body,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

const closed = new ConnectionClosedError(1006, '')

const LETTERS = 'abcdefghijklmnqrstuvwxyz'

const TWO = ['ws://a', 'ws://b'] as const

/** A source with a log, dialling `hosts` without jitter. */
function started(
  helpers: RunHelpers,
  diagrams: readonly string[],
  options: Parameters<typeof scripted>[2] = {},
) {
  const lines: string[] = []
  const log = { warn: (line: string) => void lines.push(line) }
  const reconnect = { jitter: 'none' } as const
  const source = scripted(helpers, diagrams, { hosts: TWO, reconnect, log, ...options })
  return {
    ...source,
    lines,
    /** Which host each dial went to. */
    get dialled(): string {
      return source.sessions.urls.map((url) => url.charAt(5)).join('')
    },
  }
}

describe('a list of hosts', () => {
  it.each([200, 301, 400, 401, 403, 404, 410, 501])(
    'goes on with the next one when one answers %i',
    (status) => {
      marbles((helpers) => {
        const source = started(helpers, ['#', 'oa'], { errors: [refused(status)] })
        const { seen, error } = runFor(helpers, 60_000, source.events$)
        expect(error).toBeUndefined()
        expect(seen).toHaveLength(1)
        expect(source.dialled).toBe('ab')
        expect(source.lines).toEqual([`ws://a is left for the other hosts: refused with ${status}`])
      })()
    },
  )

  it(
    'ends when every host refuses for good, with the last answer',
    marbles((helpers) => {
      const source = started(helpers, ['#'], { errors: [refused(404), refused(403)] })
      expect(runFor(helpers, 60_000, source.events$).error).toMatchObject({ status: 403 })
      expect(source.dialled).toBe('ab')
    }),
  )

  it(
    'does not end while one of them is only away',
    marbles((helpers) => {
      const errors = [refused(404), refused(503), refused(404), refused(404)]
      const source = started(helpers, ['#'], { errors })
      expect(runFor(helpers, 60_000, source.events$).error).toMatchObject({ status: 404 })
      expect(source.dialled).toBe('abab')
      expect(source.lines).toHaveLength(1)
    }),
  )

  it(
    'does not end when the last answer of one is of an earlier time, and it is away now',
    marbles((helpers) => {
      const errors = [refused(404), refused(503), refused(503), refused(404), refused(503)]
      const source = started(helpers, ['#'], { errors })
      expect(runFor(helpers, 60_000, source.events$).error).toBeUndefined()
      expect(source.dialled.slice(0, 5)).toBe('ababa')
    }),
  )

  it.each([INVALID, 'subscribe: too many wanted collections'])(
    'ends at once when a server does not accept the filter: %s',
    (body) => {
      marbles((helpers) => {
        const source = started(helpers, ['#'], { errors: [refused(400, body)] })
        expect(runFor(helpers, 60_000, source.events$).error).toMatchObject({ status: 400 })
        expect(source.dialled).toBe('a')
      })()
    },
  )

  it(
    'goes on when the 400 is the page of a proxy, which says nothing about the filter',
    marbles((helpers) => {
      const errors = [refused(400, '\n<html><title>400 Bad Request</title></html>')]
      const source = started(helpers, ['#', 'oa'], { errors })
      expect(runFor(helpers, 60_000, source.events$).error).toBeUndefined()
      expect(source.dialled).toBe('ab')
    }),
  )
})

describe('a host that has worked', () => {
  const refusedForMs = 60_000

  it.each([200, 301, 403, 404])(
    'may answer %i for `refusedForMs`, and is dialled again with backoff',
    (status) => {
      marbles((helpers) => {
        const source = started(helpers, ['oa#', '#'], {
          hosts: ['ws://a'],
          errors: [closed, refused(status)],
          refusedForMs,
        })
        const { error } = runFor(helpers, 600_000, source.events$)
        expect(error).toMatchObject({ code: 'REFUSED', status })
        expect(source.sessions.waits).toEqual([1002, 2000, 4000, 8000, 16_000, 32_000])
        expect(source.snapshots.map(({ connection }) => connection)).toContainEqual(
          expect.objectContaining({
            state: 'waiting',
            reason: expect.objectContaining({ status }),
          }),
        )
      })()
    },
  )

  it(
    'has that time anew whenever it works again',
    marbles((helpers) => {
      const away = Array.from({ length: 5 }, () => '#')
      const source = started(helpers, ['oa#', ...away, '(oab)#', ...away, '(oabc)'], {
        hosts: ['ws://a'],
        errors: [closed, ...away.map(() => refused(404)), closed, ...away.map(() => refused(404))],
        refusedForMs,
      })
      expect(runFor(helpers, 600_000, source.events$).error).toBeUndefined()
      expect(source.dialled.length).toBeGreaterThan(12)
    }),
  )

  it(
    'has it too when it was quiet for a minute, and brought nothing',
    marbles((helpers) => {
      const source = started(helpers, ['o 60s #', '#', 'oa'], {
        hosts: ['ws://a'],
        errors: [closed, refused(404)],
      })
      expect(runFor(helpers, 600_000, source.events$)).toMatchObject({ seen: { length: 1 } })
    }),
  )

  it(
    'makes way for the next one meanwhile',
    marbles((helpers) => {
      const source = started(helpers, ['oa#', '#', 'o'], { errors: [closed, refused(404)] })
      runFor(helpers, 60_000, source.events$)
      expect(source.dialled).toBe('aab')
      expect(source.lines).toEqual([])
    }),
  )

  it.each([
    [401, ''],
    [400, INVALID],
  ])('ends the stream at once with %i, which is about our config', (status, body) => {
    marbles((helpers) => {
      const source = started(helpers, ['oa#', '#'], {
        hosts: ['ws://a'],
        errors: [closed, refused(status, body)],
      })
      expect(runFor(helpers, 60_000, source.events$).error).toMatchObject({ status })
      expect(source.dialled).toBe('aa')
    })()
  })
})

describe('a wait that a host asks for', () => {
  it(
    'does not keep the next host waiting',
    marbles((helpers) => {
      const source = started(helpers, ['#', 'oa'], { errors: [refused(503, '', 900_000)] })
      runFor(helpers, 10_000, source.events$)
      expect(source.dialled).toBe('ab')
      expect(source.sessions.waits).toEqual([1000])
    }),
  )

  it(
    'is waited for while the other hosts are dialled, though they fail',
    marbles((helpers) => {
      const source = started(helpers, ['#'], {
        errors: [refused(503, '', 100_000), closed],
      })
      runFor(helpers, 200_000, source.events$)
      expect(source.dialled).toMatch(/^ab{6}ab/)
      const back = source.sessions.times[source.dialled.indexOf('a', 1)] ?? 0
      expect(back).toBeGreaterThanOrEqual(100_000)
    }),
  )

  it(
    'is waited for when all hosts ask for one: the shortest',
    marbles((helpers) => {
      const source = started(helpers, ['#', '#', 'oa'], {
        errors: [refused(503, '', 100_000), refused(429, '', 30_000)],
      })
      runFor(helpers, 200_000, source.events$)
      expect(source.dialled).toBe('abb')
      expect(source.sessions.times).toEqual([0, 1000, 31_000])
    }),
  )
})

describe('the time for which a host may refuse', () => {
  afterEach(() => jest.restoreAllMocks())

  it('is that of the delays: a machine may sleep between two dials', () => {
    const [HOUR_MS, refusedForMs] = [3_600_000, 60_000]
    let now = 0
    jest.spyOn(asyncScheduler, 'now').mockImplementation(() => now)
    const log = { warn: () => {} }
    const reconnect = { jitter: 'none' } as const
    const hosts = new Hosts({ hosts: ['ws://a'], reconnect, refusedForMs, log })
    hosts.progressed()
    for (const waits of [1000, 2000, 4000, 8000, 16_000, 32_000]) {
      now += 8 * HOUR_MS
      expect(hosts.afterEnd(refused(403), undefined)).toBe(waits)
    }
    expect(() => hosts.afterEnd(refused(403), undefined)).toThrow('refused with 403')
  })
})

describe('a host that flaps', () => {
  /** So many connections that bring one new event each, and end. */
  const flapping = (count: number) =>
    Array.from(
      { length: count },
      (_, index) => `(o${LETTERS.slice(Math.max(0, index - 1), index + 1)}#)`,
    )

  it(
    'is dialled after growing delays, and makes way for the next one, after eight times',
    marbles((helpers) => {
      const source = started(helpers, flapping(16))
      runFor(helpers, 100_000, source.events$)
      expect(source.dialled.slice(0, 10)).toBe('aaaaaaaabb')
      expect(source.sessions.waits.slice(0, 9)).toEqual([
        ...Array.from({ length: 7 }, () => 1000),
        ...[2000, 1000],
      ])
      expect(source.lines[0]).toBe('ws://a ended 8 connections in a row soon after their opening')
    }),
  )

  it(
    'never ends the stream by `maxAttempts`: each connection brought something',
    marbles((helpers) => {
      const source = started(helpers, flapping(20), {
        hosts: ['ws://a'],
        reconnect: { jitter: 'none', maxAttempts: 1, maxDelayMs: 2000 },
      })
      const { error, seen } = runFor(helpers, 30_000, source.events$)
      expect(error).toBeUndefined()
      expect(seen.length).toBeGreaterThan(15)
    }),
  )

  it(
    'is one without a penalty again after a connection that lasted',
    marbles((helpers) => {
      const diagrams = [...flapping(10), '(ojk) 10s #', '(okl#)', '(olm#)']
      const source = started(helpers, diagrams, { hosts: ['ws://a'] })
      runFor(helpers, 200_000, source.events$)
      expect(source.sessions.waits.slice(6, 12)).toEqual([1000, 2000, 4000, 8000, 11_005, 1000])
    }),
  )

  it(
    'is one too whose server says goodbye each time, which is otherwise dialled at once',
    marbles((helpers) => {
      const source = started(helpers, flapping(20), {
        hosts: ['ws://a'],
        errors: [new ServerError('ConsumerTooSlow', '')],
      })
      runFor(helpers, 8000, source.events$)
      expect(source.sessions.waits.slice(0, 10)).toEqual([0, 0, 0, 0, 0, 0, 0, 1000, 2000, 4000])
    }),
  )
})
