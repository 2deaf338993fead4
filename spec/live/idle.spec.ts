import { map, Subject, tap, timer } from 'rxjs'
import type { RunHelpers } from 'rxjs/testing'
import { marbles } from '../../src/testing/index.js'
import { plain, runFor, scripted } from './sessions.js'

/** A stream whose filter wants something or nothing from these times on. */
function run(
  helpers: RunHelpers,
  diagrams: readonly string[],
  wants: Readonly<Record<number, 'all' | 'nothing'>>,
) {
  let wanted = wants[0] ?? 'all'
  const changes$ = new Subject<void>()
  for (const [at, next] of Object.entries(wants).filter(([time]) => time !== '0'))
    timer(Number(at))
      .pipe(
        tap(() => {
          wanted = next
        }),
        map(() => undefined),
      )
      .subscribe(() => changes$.next())
  const source = scripted(helpers, diagrams, {
    reconnect: { initialDelayMs: 1000, jitter: 'none' },
    changes$,
    protocol: (host) => (wanted === 'all' ? plain(host) : undefined),
  })
  const result = runFor(helpers, 20_000, source.events$)
  const states = source.snapshots.map(({ at, connection }) => `${at} ${connection.state}`)
  const changed = states.filter((state, i) => state.split(' ')[1] !== states[i - 1]?.split(' ')[1])
  const { reconnects } = source.metrics$.value
  const dials = source.sessions.dials.map(({ at, closedAt }) => [at, closedAt])
  return { ...result, urls: source.sessions.urls, dials, changed, reconnects, gaps: source.gaps }
}

describe('a filter that wants nothing', () => {
  it(
    'dials nothing and is paused, until the filter wants something',
    marbles((helpers) => {
      const { dials, changed, seen, reconnects } = run(helpers, ['(oa)'], {
        0: 'nothing',
        3000: 'nothing',
        7000: 'all',
      })
      expect(dials).toEqual([[7000, 20_000]])
      expect(changed).toEqual([
        ...['0 connecting', '0 paused', '3000 connecting', '3000 paused'],
        ...['7000 connecting', '7000 open', '20000 closed'],
      ])
      expect(seen).toHaveLength(1)
      expect(reconnects).toBe(0)
    }),
  )

  it(
    'closes the connection, and goes on at the resume cursor when it wants something again',
    marbles((helpers) => {
      const { dials, urls, changed, seen, reconnects, gaps } = run(helpers, ['(oa)', '(oab)'], {
        100: 'nothing',
        9000: 'all',
      })
      expect(dials).toEqual([
        [0, 100],
        [9000, 20_000],
      ])
      expect(urls).toEqual(['ws://a?cursor=live', 'ws://a?cursor=1'])
      expect(changed).toEqual([
        ...['0 connecting', '0 open', '100 connecting', '100 paused'],
        ...['9000 connecting', '9000 open', '20000 closed'],
      ])
      expect(seen).toHaveLength(2)
      expect(reconnects).toBe(1)
      expect(gaps).toEqual([])
    }),
  )

  it(
    'ends the retries of a server that is away',
    marbles((helpers) => {
      const { dials, changed } = run(helpers, ['#', '(oa)'], { 500: 'nothing', 8000: 'all' })
      expect(dials.map(([at]) => at)).toEqual([0, 8000])
      expect(changed).toEqual([
        ...['0 connecting', '0 waiting', '1000 connecting', '1000 paused'],
        ...['8000 connecting', '8000 open', '20000 closed'],
      ])
    }),
  )
})
