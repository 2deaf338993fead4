import { map, Subject, take, timer } from 'rxjs'
import { hold, type Release } from '../../src/delivery/delivery.js'
import { type StreamMetrics, streamMetrics } from '../../src/delivery/metrics.js'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { ingest } from '../../src/operators/ingest.js'
import { marbles } from '../../src/testing/index.js'
import { expectBalanced, numbered, plain, runFor, scripted, T0 } from '../live/sessions.js'

const jitter = { jitter: 'none' } as const

describe('metrics$', () => {
  it('begins with nothing, idle', () => {
    const { connection, compression, unroutedKinds, ...numbers } = streamMetrics().value
    expect(connection).toEqual({
      state: 'idle',
      reason: undefined,
      since: expect.any(Number),
    })
    expect([compression, unroutedKinds]).toEqual([{ name: 'none' }, {}])
    expect(Object.values(numbers).filter((value) => value !== 0 && value !== undefined)).toEqual([])
  })

  it(
    'is told every second, and at each change of the connection’s state',
    marbles((helpers) => {
      const { events$, snapshots } = scripted(helpers, ['500ms o 1000ms #', 'o'], {
        reconnect: jitter,
      })
      runFor(helpers, 3600, events$)
      expect(snapshots.map(({ at, connection }) => `${at} ${connection.state}`)).toEqual([
        '0 connecting',
        '500 open',
        '1000 open',
        '1501 waiting',
        '2000 waiting',
        '2501 connecting',
        '2501 open',
        '3000 open',
        '3600 closed',
      ])
    }),
  )

  it(
    'tells of a wait which attempt comes next, when, and why',
    marbles((helpers) => {
      const { events$, snapshots } = scripted(helpers, ['#'], {
        hosts: ['ws://a', 'ws://b'],
        reconnect: { jitter: 'none', initialDelayMs: 700 },
      })
      runFor(helpers, 900, events$)
      expect(
        snapshots
          .filter(({ connection }) => connection.state === 'waiting')
          .map(({ connection }) => connection),
      ).toEqual([
        {
          state: 'waiting',
          host: 'ws://b',
          attempt: 1,
          nextAttemptAt: 700,
          reason: expect.objectContaining({ code: 'CONNECTION_CLOSED' }),
          since: 0,
        },
        {
          state: 'waiting',
          host: 'ws://a',
          attempt: 2,
          nextAttemptAt: 2100,
          reason: expect.objectContaining({ code: 'CONNECTION_CLOSED' }),
          since: 0,
        },
      ])
      expect(snapshots.map(({ currentBackoffMs }) => currentBackoffMs)).toEqual([
        0, 700, 0, 1400, 0,
      ])
    }),
  )

  it(
    'says since when there is a connection, or none, over all attempts, and why none',
    marbles((helpers) => {
      const { events$, snapshots } = scripted(helpers, ['500ms o 499ms #', '-#', '-#', 'o'], {
        reconnect: { jitter: 'none', initialDelayMs: 300, multiplier: 1 },
      })
      runFor(helpers, 3000, events$)
      const states = snapshots.map(({ connection: { state, since, reason } }) =>
        [state, since, reason?.code ?? '-'].join(' '),
      )
      expect(states.filter((one, index) => one !== states[index - 1])).toEqual([
        'connecting 0 -',
        'open 500 -',
        'waiting 1000 CONNECTION_CLOSED',
        'connecting 1000 CONNECTION_CLOSED',
        'waiting 1000 CONNECTION_CLOSED',
        'connecting 1000 CONNECTION_CLOSED',
        'waiting 1000 CONNECTION_CLOSED',
        'connecting 1000 CONNECTION_CLOSED',
        'open 1902 -',
        'closed 3000 -',
      ])
    }),
  )

  it(
    'has whole milliseconds in every duration',
    marbles((helpers) => {
      const early = { id: 'a', position: 1, time_us: 40_300 }
      const { events$, snapshots } = scripted(helpers, ['o 99ms a #'], {
        frames: { a: early },
        reconnect: { initialDelayMs: 1000, random: () => 0.12345 },
      })
      runFor(helpers, 150, events$)
      expect(snapshots.map(({ lagMs, currentBackoffMs }) => [lagMs, currentBackoffMs])).toEqual([
        [undefined, 0],
        [undefined, 0],
        [60, 123],
        [60, 0],
      ])
      const { connection } = snapshots[2] as (typeof snapshots)[number]
      expect(connection).toMatchObject({ state: 'waiting', nextAttemptAt: 224 })
    }),
  )

  it(
    'is frozen, every part of it',
    marbles((helpers) => {
      const states = new Set<string>()
      const frozen = (options: Parameters<typeof scripted>[2]) => {
        const { events$, metrics$ } = scripted(helpers, ['oa#'], options)
        metrics$.subscribe((snapshot) => {
          states.add(`${snapshot.connection.state} ${snapshot.compression.name}`)
          for (const part of [snapshot, snapshot.connection, snapshot.compression])
            expect(Object.isFrozen(part)).toBe(true)
        })
        runFor(helpers, 5000, events$)
      }
      frozen({ protocol: (host) => ({ ...plain(host), compression: { name: 'zstd' } }) })
      expect(states).toEqual(
        new Set([
          'idle none',
          'connecting none',
          'open zstd',
          'waiting zstd',
          'connecting zstd',
          'closed zstd',
        ]),
      )
      states.clear()
      // Told while the position is still to be loaded.
      frozen({
        position: {
          checkpoint: { store: { load: () => new Promise(() => {}), save: async () => {} } },
        },
      })
      expect(states).toEqual(new Set(['idle none', 'connecting none', 'closed none']))
    }),
  )

  it(
    'tells the last numbers when the stream is unsubscribed, and when it fails',
    marbles((helpers) => {
      const { events$, metrics$ } = scripted(helpers, ['oa#'], { reconnect: { maxAttempts: 0 } })
      runFor(helpers, 100, events$.pipe(take(1)))
      expect(metrics$.value).toMatchObject({
        connection: { state: 'closed', host: 'ws://a' },
        events: 1,
        delivered: 1,
        done: 1,
      })
      runFor(helpers, 100, events$)
      expect(metrics$.value.connection).toMatchObject({
        state: 'closed',
        reason: { code: 'RECONNECT_EXHAUSTED' },
      })
    }),
  )

  it(
    'says nothing more after the end',
    marbles((helpers) => {
      const { events$, snapshots } = scripted(helpers, ['oa'])
      const subscription = events$.subscribe()
      timer(100).subscribe(() => subscription.unsubscribe())
      timer(10_000).subscribe()
      helpers.flush()
      expect(snapshots.at(-1)?.at).toBe(100)
    }),
  )

  it(
    'balances at every moment',
    marbles((helpers) => {
      const frames = { b: 'broken', c: 'control', u: numbered(8, 'unwanted') }
      const { events$, snapshots } = scripted(helpers, ['oabcdu#', 'oudef#'], {
        frames,
        reconnect: { jitter: 'none', initialDelayMs: 300 },
      })
      runFor(helpers, 5000, events$)
      expect(snapshots.length).toBeGreaterThan(8)
      for (const snapshot of snapshots) expectBalanced(snapshot)
    }),
  )
})

/**
 * Runs a source whose every kind of frame comes once, and answers the last numbers before the end.
 */
function numbersOf(helpers: Parameters<Parameters<typeof marbles>[0]>[0]) {
  const frames = { x: 'broken', c: 'control', u: numbered(3, 'unwanted'), z: 'broken 26' }
  const { events$, metrics$ } = scripted(helpers, ['oabxcu#', 'oudz'], {
    frames,
    reconnect: { jitter: 'none', initialDelayMs: 500 },
  })
  let numbers: StreamMetrics = metrics$.value
  timer(1999).subscribe(() => {
    numbers = metrics$.value
  })
  runFor(helpers, 2000, events$)
  return numbers
}

describe('each member of the metrics', () => {
  const moved: Partial<StreamMetrics> = {
    frames: 8,
    control: 1,
    rejected: 2,
    events: 5,
    duplicates: 1,
    filtered: 1,
    delivered: 3,
    done: 3,
    open: 0,
    reconnects: 1,
    cursor: 26,
  }
  it.each(Object.entries(moved))('%s is moved by what it counts', (name, value) => {
    marbles((helpers) => {
      expect(numbersOf(helpers)[name as keyof StreamMetrics]).toBe(value)
    })()
  })

  it(
    'bytes counts those of all connections, also of the one that is open',
    marbles((helpers) => {
      const { events$, metrics$, snapshots } = scripted(helpers, ['ox#', 'oxx'], {
        frames: { x: 'broken' },
        reconnect: { jitter: 'none', initialDelayMs: 1 },
      })
      runFor(helpers, 1500, events$)
      expect(snapshots.find(({ at }) => at === 1000)).toMatchObject({
        bytes: 18,
        connection: { state: 'open' },
      })
      expect(metrics$.value.bytes).toBe(18)
    }),
  )

  it(
    'lastEventAt and lagMs follow the last event',
    marbles((helpers) => {
      const early = { id: 'a', position: 1, time_us: 40_000 }
      const { events$, metrics$ } = scripted(helpers, ['o 99ms a'], { frames: { a: early } })
      runFor(helpers, 500, events$)
      expect(metrics$.value).toMatchObject({ lastEventAt: 100, lagMs: 60 })
    }),
  )

  it(
    'idleMs is the time since the last event, and grows while lagMs stays',
    marbles((helpers) => {
      const early = { id: 'a', position: 1, time_us: 40_000 }
      const { events$, snapshots } = scripted(helpers, ['o 99ms a'], { frames: { a: early } })
      runFor(helpers, 3500, events$)
      const seen = snapshots.map(({ at, idleMs, lagMs }) => [at, idleMs, lagMs])
      expect(seen).toEqual(
        expect.arrayContaining([
          [0, undefined, undefined],
          [1000, 900, 60],
          [3000, 2900, 60],
        ]),
      )
    }),
  )

  it(
    'lagMs is never negative, whatever the server’s clock says',
    marbles((helpers) => {
      const { events$, metrics$ } = scripted(helpers, ['oa'])
      runFor(helpers, 500, events$)
      expect(T0 / 1000).toBeGreaterThan(metrics$.value.lastEventAt ?? Number.POSITIVE_INFINITY)
      expect(metrics$.value.lagMs).toBe(0)
    }),
  )

  it(
    'open, held and queued follow the work, and done, failed and dropped its end',
    marbles((helpers) => {
      const { events$, metrics$ } = scripted(helpers, ['(oabcd)'])
      const releases: Release[] = []
      const subscription = events$.subscribe(() => releases.push(hold()))
      timer(1500).subscribe(() => {
        expect(metrics$.value).toMatchObject({ delivered: 4, open: 4, held: 4, done: 0 })
        releases[0]?.()
        releases[1]?.failed()
        releases[2]?.dropped()
      })
      timer(2500).subscribe(() => {
        expect(metrics$.value).toMatchObject({
          delivered: 4,
          open: 1,
          done: 1,
          failed: 1,
          dropped: 1,
          gaps: 1,
        })
        subscription.unsubscribe()
        expect(metrics$.value).toMatchObject({ open: 1 })
        releases[3]?.()
        expect(metrics$.value).toMatchObject({ open: 0, done: 2 })
      })
      helpers.flush()
    }),
  )

  it(
    'queued counts what waits in bounded operators',
    marbles((helpers) => {
      const { events$, metrics$ } = scripted(helpers, ['(oabcd)'])
      const gate = new Subject<void>()
      let waiting = -1
      timer(1500).subscribe(() => {
        waiting = metrics$.value.queued
      })
      runFor(helpers, 2000, events$.pipe(boundedMergeMap(() => gate)))
      expect(waiting).toBe(3)
      expect(metrics$.value.queued).toBe(0)
    }),
  )

  it(
    'unrouted counts what no ingestor takes, also by kind',
    marbles((helpers) => {
      const { events$, metrics$ } = scripted(helpers, ['(oab)'])
      const routable$ = events$.pipe(map(({ id }) => ({ kind: id })))
      runFor(helpers, 600, routable$.pipe(ingest({ identity: () => undefined })))
      expect(metrics$.value.unrouted).toBe(2)
      expect(metrics$.value.unroutedKinds).toEqual({ a: 1, b: 1 })
    }),
  )
})
