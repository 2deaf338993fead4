import type { Gap } from '../../src/delivery/gaps.js'
import { CursorRefusedError, ServerError } from '../../src/errors.js'
import type { OnCursorRefused } from '../../src/live/cursor-request.js'
import { Control, type CursorProtocol, Redial } from '../../src/live/protocol.js'
import { marbles } from '../../src/testing/index.js'
import { cursorProgress, type Numbered, numbered, plain, runFor, scripted, T0 } from './sessions.js'

const A = 'ws://a'

/** A host that knows sequence numbers, and no times. */
const counting = (changes: Partial<CursorProtocol<Numbered>> = {}): CursorProtocol<Numbered> => ({
  ...plain(A),
  takesTimes: false,
  ...changes,
})

function resuming(onCursorRefused: OnCursorRefused = 'oldest', protocol = counting()) {
  const gaps: Gap[] = []
  const progress = cursorProgress({ start: undefined, onCursorRefused }, gaps)
  const connection = (...events: readonly Numbered[]) => {
    const cursor = progress.cursorFor(protocol)
    return {
      cursor,
      taken: events
        .filter((event) => progress.onEvent(event, A, event.position, event.time_us))
        .map(({ id }) => id),
    }
  }
  return { progress, gaps, connection }
}

describe('a stream whose servers take no times', () => {
  it('resumes at the last position, and takes its repeat out', () => {
    const { connection, gaps } = resuming()
    connection(numbered(5), numbered(7))
    expect(connection(numbered(7), numbered(8))).toEqual({ cursor: 7, taken: ['e8'] })
    expect(gaps).toEqual([])
  })

  it('goes by its policy at once when the log is another: there is no time to ask by', () => {
    for (const [policy, cursor] of [
      ['oldest', 0],
      ['live', undefined],
    ] as const) {
      const { connection, gaps } = resuming(policy)
      connection(numbered(9000))
      expect(() => connection(numbered(12))).toThrow(Redial)
      expect(gaps).toEqual([
        { host: A, from: 12, to: 9000, reason: 'renumbered', recoverable: false },
      ])
      expect(connection(numbered(1), numbered(2))).toEqual({ cursor, taken: ['e1', 'e2'] })
    }
    const failing = resuming('fail')
    failing.connection(numbered(9000))
    expect(() => failing.connection(numbered(9000, 'stranger'))).toThrow(CursorRefusedError)
  })

  it('finds out a log that was made anew, whose row at the cursor is missing', () => {
    const { connection, gaps } = resuming()
    const late = (position: number) => ({ ...numbered(position), time_us: numbered(9000).time_us })
    connection(numbered(100))
    expect(() => connection(late(103))).toThrow('asking where its log begins')
    // Its numbers begin again, and its times are later than what we have.
    expect(() => connection(late(1))).toThrow(Redial)
    expect(gaps).toEqual([{ host: A, from: 1, to: 100, reason: 'renumbered', recoverable: false }])
    expect(connection(late(1), late(103)).taken).toEqual(['e1', 'e103'])
  })

  it('is not misled by a first row of an older time: its number is too high', () => {
    const { connection, gaps } = resuming()
    connection(numbered(100))
    expect(() => connection(numbered(103))).toThrow('asking where its log begins')
    expect(() => connection({ ...numbered(102), time_us: T0 })).toThrow(Redial)
    expect(gaps).toMatchObject([{ from: 100, to: 102, reason: 'cursor-too-old' }])
  })

  it('never asks by the time at which it first listened', () => {
    const { progress, connection } = resuming()
    connection()
    progress.opened()
    expect(connection().cursor).toBeUndefined()
  })

  it('reports a gap where the repeat does not come, unless its events may leave the log', () => {
    const { connection, gaps } = resuming()
    connection(numbered(5))
    expect(() => connection(numbered(8))).toThrow(Redial)
    // The first row that the log has.
    expect(() => connection(numbered(7))).toThrow(Redial)
    expect(gaps).toEqual([
      { host: A, from: 5, to: 7, reason: 'cursor-too-old', recoverable: false },
    ])
    expect(connection(numbered(7), numbered(8))).toEqual({ cursor: 0, taken: ['e7', 'e8'] })
    expect(gaps).toHaveLength(1)

    const forgetful = resuming('oldest', counting({ forgets: true }))
    forgetful.connection(numbered(5))
    expect(forgetful.connection(numbered(8)).taken).toEqual(['e8'])
    expect(forgetful.gaps).toEqual([])
  })
})

describe('a row that vanished from a log without times', () => {
  it('is no gap where the log reaches back before it', () => {
    const { progress, connection, gaps } = resuming()
    connection(numbered(3), numbered(5))
    expect(() => connection(numbered(8))).toThrow(Redial)
    expect(progress.cursorFor(counting())).toBe(0)
    expect(progress.asksForFloor).toBe(true)
    expect(() => progress.onEvent(numbered(2), A, 2, T0)).toThrow(Redial)
    expect(connection(numbered(8))).toEqual({ cursor: 5, taken: ['e8'] })
    expect(gaps).toEqual([])
  })
})

describe('a stream that goes on after a restart of the program', () => {
  const restarted = (event: Numbered, policy: OnCursorRefused = 'oldest') => {
    const { progress, gaps, connection } = resuming(policy)
    progress.startFrom({ host: A, position: event.position, time_us: event.time_us })
    return { gaps, connection }
  }

  it('has the event at the checkpoint once more', () => {
    const { connection, gaps } = restarted(numbered(5))
    expect(connection(numbered(5), numbered(6))).toEqual({ cursor: 5, taken: ['e5', 'e6'] })
    expect(gaps).toEqual([])
  })

  it('sees by the time of that event that the log was counted anew meanwhile', () => {
    const { connection, gaps } = restarted(numbered(5))
    expect(() => connection({ ...numbered(5), time_us: T0 })).toThrow(Redial)
    expect(gaps).toEqual([{ host: A, from: 5, to: 5, reason: 'renumbered', recoverable: false }])
    expect(connection(numbered(1), numbered(2))).toEqual({ cursor: 0, taken: ['e1', 'e2'] })
  })

  it('trusts the number alone where either time is unknown', () => {
    for (const [saved, now] of [
      [{ ...numbered(5), time_us: 0 }, numbered(5)],
      [numbered(5), { ...numbered(5), time_us: 0 }],
    ] as const) {
      const { connection, gaps } = restarted(saved)
      expect(connection(now).taken).toEqual(['e5'])
      expect(gaps).toEqual([])
    }
  })
})

describe('a server that calls even its oldest a place in the future', () => {
  it('has nothing yet: that is waited for, without a gap and without a dial', () => {
    const gaps: Gap[] = []
    const progress = cursorProgress({ start: 'oldest', onCursorRefused: 'oldest' }, gaps)
    progress.cursorFor(counting())
    expect(() => progress.onControl(new Control('FutureCursor'), A)).not.toThrow()
    expect(progress.onEvent(numbered(1), A, 1, T0)).toBe(true)
    expect(gaps).toEqual([])
  })
})

describe('the index of an event', () => {
  it('counts those that share its position, over reconnects too', () => {
    const { progress, connection } = resuming()
    const indexes = (...events: readonly Numbered[]) =>
      events.flatMap((event) =>
        progress.onEvent(event, A, event.position, event.time_us) ? [progress.index] : [],
      )
    progress.cursorFor(counting())
    expect(indexes(numbered(1), numbered(5, 'a'), numbered(5, 'b'))).toEqual([0, 0, 1])
    progress.cursorFor(counting())
    expect(indexes(numbered(5, 'a'), numbered(5, 'b'), numbered(5, 'c'), numbered(6))).toEqual([
      2, 0,
    ])
    expect(connection(numbered(6)).taken).toEqual([])
  })
})

describe('an error frame that refuses the cursor', () => {
  const future = (): CursorProtocol<Numbered> =>
    counting({
      decode: (frame) => {
        if (frame === 'future') throw new ServerError('FutureCursor', 'Cursor in the future.')
        return plain(A).decode(frame)
      },
      refused: (error) => (error instanceof ServerError ? 'future' : undefined),
    })

  it(
    'goes by the policy at once, with a gap, and is no failure',
    marbles((helpers) => {
      const { events$, sessions, gaps, metrics$, snapshots } = scripted(
        helpers,
        ['oa#', 'of', 'ob'],
        {
          frames: { a: numbered(9000), f: 'future', b: numbered(3) },
          protocol: future,
          position: { onCursorRefused: 'oldest' },
        },
      )
      const { seen } = runFor(helpers, 5000, events$)
      expect(seen.map(({ id }) => id)).toEqual(['e9000', 'e3'])
      expect(sessions.urls).toEqual(['ws://a?cursor=live', 'ws://a?cursor=9000', 'ws://a?cursor=0'])
      expect(sessions.times).toEqual([0, 1002, 1003])
      expect(gaps).toEqual([
        { host: A, from: 9000, to: undefined, reason: 'renumbered', recoverable: false },
      ])
      expect(metrics$.value).toMatchObject({ control: 1, frames: 3, delivered: 2 })
      const reasons = snapshots.map(({ connection }) => connection.reason?.code)
      expect(new Set(reasons)).toEqual(new Set([undefined, 'CONNECTION_CLOSED']))
    }),
  )

  it(
    "ends the stream under 'fail'",
    marbles((helpers) => {
      const { events$ } = scripted(helpers, ['oa#', 'of'], {
        frames: { a: numbered(9000), f: 'future' },
        protocol: future,
        position: { onCursorRefused: 'fail' },
      })
      expect(runFor(helpers, 5000, events$).error).toBeInstanceOf(CursorRefusedError)
    }),
  )
})
