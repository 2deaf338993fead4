import { asyncScheduler, Subject, tap, timer } from 'rxjs'
import type { RunHelpers } from 'rxjs/testing'
import { currentDelivery, type DeliverySource } from '../../src/delivery/delivery.js'
import { marbles } from '../../src/testing/index.js'
import { runFor, scripted } from './sessions.js'

/** Takes hold of the source of the first event, and pauses and resumes it at these times. */
function pausing(actions: Readonly<Record<number, 'pause' | 'resume'>>) {
  let source: DeliverySource | undefined
  for (const [at, action] of Object.entries(actions))
    timer(Number(at)).subscribe(() => source?.[action]())
  return tap<unknown>(() => {
    currentDelivery()?.eachSource((each) => {
      source ??= each
    })
  })
}

function run(
  helpers: RunHelpers,
  diagrams: readonly string[],
  actions: Readonly<Record<number, 'pause' | 'resume'>>,
  options: Parameters<typeof scripted>[2] = {},
) {
  const source = scripted(helpers, diagrams, { reconnect: { jitter: 'none' }, ...options })
  const result = runFor(helpers, 60_000, source.events$.pipe(pausing(actions)))
  const states = source.snapshots.map(({ at, connection }) => `${at} ${connection.state}`)
  return {
    ...source,
    ...result,
    states,
    changes: states.filter(
      (state, index) => state.split(' ')[1] !== states[index - 1]?.split(' ')[1],
    ),
  }
}

describe('pause', () => {
  it(
    'stops the reading and goes on with it, on one connection, within `pauseCloseMs`',
    marbles((helpers) => {
      const { sessions, changes } = run(helpers, ['(oa)'], { 100: 'pause', 5099: 'resume' })
      expect(sessions.dials).toHaveLength(1)
      expect(sessions.dials[0]?.connection?.calls).toEqual(['pause 100', 'resume 5099'])
      expect(changes).toEqual(['0 connecting', '0 open', '100 paused', '5099 open', '60000 closed'])
    }),
  )

  it(
    'closes after `pauseCloseMs`, and when resumed dials at the resume cursor, without backoff',
    marbles((helpers) => {
      const { sessions, changes } = run(helpers, ['(oa)', '(oab)'], {
        100: 'pause',
        9000: 'resume',
      })
      expect(sessions.dials.map(({ at, closedAt }) => [at, closedAt])).toEqual([
        [0, 5100],
        [9000, 60_000],
      ])
      expect(sessions.urls).toEqual(['ws://a?cursor=live', 'ws://a?cursor=1'])
      expect(changes).toEqual([
        '0 connecting',
        '0 open',
        '100 paused',
        '9000 connecting',
        '9000 open',
        '60000 closed',
      ])
    }),
  )

  it(
    'loses and repeats nothing over the close',
    marbles((helpers) => {
      const { seen } = run(helpers, ['(oab)', '(obcd)'], { 100: 'pause', 9000: 'resume' })
      expect(seen).toEqual([1, 2, 3, 4].map((n) => expect.objectContaining({ position: n })))
    }),
  )

  it(
    'counts: each pause needs its own resume',
    marbles((helpers) => {
      const { sessions } = run(helpers, ['(oa)'], {
        100: 'pause',
        200: 'pause',
        300: 'resume',
        400: 'resume',
      })
      expect(sessions.dials[0]?.connection?.calls).toEqual(['pause 100', 'resume 400'])
    }),
  )

  it(
    'begins to count `pauseCloseMs` anew with each pause',
    marbles((helpers) => {
      const { sessions } = run(helpers, ['(oa)'], {
        100: 'pause',
        5000: 'resume',
        5001: 'pause',
        10000: 'resume',
      })
      expect(sessions.dials).toHaveLength(1)
    }),
  )

  it(
    'closes at once where the socket cannot pause',
    marbles((helpers) => {
      const { sessions } = run(
        helpers,
        ['(oa)'],
        { 100: 'pause', 300: 'resume' },
        { canPause: false },
      )
      expect(sessions.dials.map(({ at, closedAt }) => [at, closedAt])).toEqual([
        [0, 100],
        [300, 60_000],
      ])
    }),
  )

  it(
    'is not taken for silence',
    marbles((helpers) => {
      const { sessions } = run(
        helpers,
        ['(oa)'],
        { 100: 'pause', 40500: 'resume' },
        { pauseCloseMs: 50_000, idleTimeoutMs: 12_000, answersPings: false },
      )
      expect(sessions.times).toEqual([0, 53_000])
    }),
  )

  it(
    'holds the next dial back while it waits',
    marbles((helpers) => {
      const { sessions, changes } = run(helpers, ['(oa) 96ms #', 'o'], {
        500: 'pause',
        8000: 'resume',
      })
      expect(sessions.times).toEqual([0, 8000])
      expect(changes).toEqual([
        '0 connecting',
        '0 open',
        '100 waiting',
        '1100 paused',
        '8000 connecting',
        '8000 open',
        '60000 closed',
      ])
    }),
  )

  it(
    'leaves the wait alone where it ends before that',
    marbles((helpers) => {
      const { sessions, changes } = run(helpers, ['(oa) 96ms #', 'o'], {
        500: 'pause',
        600: 'resume',
      })
      expect(sessions.times).toEqual([0, 1100])
      expect(changes).toEqual([
        '0 connecting',
        '0 open',
        '100 waiting',
        '1100 connecting',
        '1100 open',
        '60000 closed',
      ])
    }),
  )

  it(
    'keeps the wait visible when a paused connection fails and is resumed before the delay is over',
    marbles((helpers) => {
      const { sessions, snapshots } = run(helpers, ['(oa) 96ms #', 'o'], {
        50: 'pause',
        300: 'resume',
      })
      expect(sessions.times).toEqual([0, 1100])
      const during = snapshots.find(({ at }) => at >= 1000)
      expect(during?.connection).toMatchObject({
        state: 'waiting',
        attempt: 1,
        nextAttemptAt: 1100,
      })
    }),
  )

  it(
    'stops a connection as soon as it opens, when it came while dialling',
    marbles((helpers) => {
      const { sessions, changes } = run(helpers, ['(oa)#', '50ms o'], {
        1020: 'pause',
        2000: 'resume',
      })
      expect(sessions.dials[1]?.connection?.calls).toEqual(['pause 1054', 'resume 2000'])
      expect(changes.slice(3)).toEqual([
        '1004 connecting',
        '1054 open',
        '1054 paused',
        '2000 open',
        '60000 closed',
      ])
    }),
  )

  it(
    'closes also a connection that opened paused',
    marbles((helpers) => {
      const { sessions } = run(helpers, ['(oa)#', '50ms o'], { 1020: 'pause', 20000: 'resume' })
      expect(sessions.dials.map(({ at, closedAt }) => [at, closedAt])).toEqual([
        [0, 4],
        [1004, 6054],
        [20_000, 60_000],
      ])
    }),
  )

  it(
    'leaves no timer behind when the subscription ends in it',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['(oa)'])
      const done = new Subject<void>()
      const subscription = events$.pipe(pausing({ 100: 'pause', 300: 'resume' })).subscribe()
      timer(200).subscribe(() => {
        subscription.unsubscribe()
        done.complete()
      })
      helpers.flush()
      expect(sessions.dials).toHaveLength(1)
      expect(sessions.dials[0]).toMatchObject({ at: 0, closedAt: 200 })
      // Virtual time stood still at the last thing that was due.
      expect(asyncScheduler.now()).toBe(300)
    }),
  )
})
