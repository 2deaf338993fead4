import type { Gap } from '../../src/delivery/gaps.js'
import { CursorRefusedError } from '../../src/errors.js'
import type { CursorProgressOptions } from '../../src/live/cursor-progress.js'
import { Control, Redial } from '../../src/live/protocol.js'
import { marbles } from '../../src/testing/index.js'
import { cursorProgress, type Numbered, numbered, plain, runFor, scripted, T0 } from './sessions.js'

const A = 'ws://a'
const B = 'ws://b'
const SECOND = 1_000_000
const HOUR = 3600 * SECOND

/** An event of a server without sequence numbers: its time is its position. */
const timed = (seconds: number, id = `t${seconds}`): Numbered => ({
  id,
  position: T0 + seconds * SECOND,
  time_us: T0 + seconds * SECOND,
})

const messageAt = (seconds: number) =>
  `ws://a: the cursor ${T0 + seconds * SECOND} is not in the server's log, ` +
  `which answered with ${T0 + SECOND}; ` +
  "choose an older `cursor`, or `onCursorRefused: 'oldest' | 'live'`"

// Our clock, at the time of what is received.
let nowMs = T0 / 1000
beforeEach(() => {
  nowMs = T0 / 1000
})

function resuming(options: Partial<CursorProgressOptions> = {}) {
  const gaps: Gap[] = []
  const progress = cursorProgress(
    { start: undefined, onCursorRefused: 'oldest', now: () => nowMs, ...options },
    gaps,
  )
  /** What of these events is new. */
  const take = (events: readonly Numbered[], host = A) =>
    events
      .filter((event) => progress.onEvent(event, host, event.position, event.time_us))
      .map(({ id }) => id)
  /** A connection that was asked for its cursor, and brought these. */
  const connection = (events: readonly Numbered[], host = A) => {
    const cursor = progress.cursorFor(plain(host))
    return { cursor, taken: take(events, host) }
  }
  /**
   * Asks, and expects the last of the events to lead to another question, or to prove that the log
   * is another one.
   */
  const strange = (...events: readonly Numbered[]) => strangeAt(A, ...events)
  const strangeAt = (host: string, ...events: readonly Numbered[]) => {
    const cursor = progress.cursorFor(plain(host))
    take(events.slice(0, -1), host)
    expect(() => take(events.slice(-1), host)).toThrow(Redial)
    return cursor
  }
  return { progress, gaps, take, connection, strange, strangeAt }
}

describe('the resume cursor', () => {
  it('is absent on the first connection of a live stream, and the start of any other', () => {
    expect(resuming().progress.cursorFor(plain(A))).toBeUndefined()
    expect(resuming({ start: 0 }).progress.cursorFor(plain(A))).toBe(0)
    expect(resuming({ start: T0 }).progress.cursorFor(plain(A))).toBe(T0)
  })

  it('is the position of the last event received, itself and not the one after it', () => {
    const { progress, take } = resuming()
    progress.cursorFor(plain(A))
    take([numbered(5), numbered(9)])
    expect(progress.last).toEqual({ host: A, position: 9, time_us: T0 + 9 * SECOND })
    expect(progress.cursorFor(plain(A))).toBe(9)
  })

  it('stays where it is over connections that bring nothing', () => {
    const { connection } = resuming()
    connection([numbered(5)])
    expect(connection([]).cursor).toBe(5)
    expect(connection([numbered(5)]).cursor).toBe(5)
    expect(connection([]).cursor).toBe(5)
  })

  it('takes the repeat of an inclusive cursor out, and nothing else', () => {
    const { connection, gaps } = resuming()
    connection([numbered(5)])
    expect(connection([numbered(5), numbered(6)]).taken).toEqual(['e6'])
    expect(gaps).toEqual([])
  })

  it('takes an event that is sent again later for a new one, no repeat of the cursor', () => {
    const { connection } = resuming()
    connection([numbered(5)])
    expect(connection([numbered(5), numbered(6), numbered(7, 'e5')]).taken).toEqual(['e6', 'e5'])
  })
})

describe('events that share a position', () => {
  const sizes = [1, 2, 3, 17, 100, 300]
  const cuts = sizes.flatMap((size) =>
    [...new Set([1, Math.ceil(size / 2), size])].map((cut) => [size, cut] as const),
  )

  it.each(cuts)('come once each: a group of %i, cut after %i', (size, cut) => {
    for (const at of [numbered, timed]) {
      const { connection, gaps } = resuming()
      const group = Array.from({ length: size }, (_, index) => at(7, `g${index}`))
      const first = connection([at(6), ...group.slice(0, cut)])
      const second = connection([...group, at(8)])
      expect([...first.taken, ...second.taken]).toEqual([
        at(6).id,
        ...group.map(({ id }) => id),
        at(8).id,
      ])
      expect(gaps).toEqual([])
    }
  })

  it('come once each over any number of cuts', () => {
    const { connection } = resuming()
    const group = Array.from({ length: 30 }, (_, index) => numbered(7, `g${index}`))
    const taken = [1, 4, 4, 9, 20, 30].flatMap((cut) => connection(group.slice(0, cut)).taken)
    expect(taken).toEqual(group.map(({ id }) => id))
  })

  it('are known up to a thousand: further ones are emitted again, and none is lost', () => {
    const { progress, connection, gaps } = resuming()
    const group = Array.from({ length: 2500 }, (_, index) => numbered(7, `g${index}`))
    const ids = group.map(({ id }) => id)
    expect(connection(group).taken).toEqual(ids)
    expect(connection(group).taken).toEqual(ids.slice(1000))
    expect(connection([...group, numbered(8)]).taken).toEqual([...ids.slice(1000), 'e8'])
    expect(connection([numbered(8), numbered(9)]).taken).toEqual(['e9'])
    expect(gaps).toEqual([])
    expect(progress.last?.position).toBe(9)
  })

  it('are known however often one of them came', () => {
    const { connection } = resuming()
    const often = Array.from({ length: 5000 }, () => numbered(7, 'again'))
    const others = Array.from({ length: 900 }, (_, index) => numbered(7, `g${index}`))
    connection([...often, ...others])
    expect(connection([numbered(7, 'again'), ...others, numbered(8)]).taken).toEqual(['e8'])
  })

  it('have a place among them each, also past those that are known', () => {
    const { progress, connection, take } = resuming()
    const placed = (events: readonly Numbered[]) =>
      events.flatMap((event) => take([event]).map(() => progress.index))
    progress.cursorFor(plain(A))
    expect(placed([numbered(6), numbered(7, 'x'), numbered(7, 'y'), numbered(8)])).toEqual([
      0, 0, 1, 0,
    ])
    const group = Array.from({ length: 1200 }, (_, index) => numbered(9, `g${index}`))
    expect(placed(group)).toEqual(group.map((_, index) => index))
    expect(connection([...group.slice(0, 1000), numbered(9, 'z')]).taken).toEqual(['z'])
    expect(progress.index).toBe(1200)
  })

  it('begin anew behind a frame that could not be read', () => {
    const { progress, connection, take } = resuming()
    connection([numbered(6)])
    progress.onReject(A, 7, T0 + 7 * SECOND)
    expect(take([numbered(7, 'x')])).toEqual(['x'])
    expect(progress.index).toBe(0)
    take([numbered(8)])
    expect(connection([numbered(8), numbered(8, 'x')]).taken).toEqual(['x'])
  })

  it('are forgotten with the log that gave the position', () => {
    const { progress, connection } = resuming({ start: 0 })
    connection([numbered(0, 'x'), numbered(0, 'y')])
    progress.cursorFor(plain(A))
    progress.refused(A, 'too old')
    expect(connection([numbered(0, 'x')]).taken).toEqual(['x'])
    expect(progress.index).toBe(0)
  })
})

describe('a log that was renumbered', () => {
  it('shows by a repeat that is another event: resume by time, with a gap', () => {
    const { progress, connection, strange, gaps } = resuming()
    connection([numbered(100)])
    expect(strange(numbered(100, 'stranger'))).toBe(100)
    expect(gaps).toEqual([{ host: A, from: 100, to: 100, reason: 'renumbered', recoverable: true }])
    expect(progress.cursorFor(plain(A))).toBe(T0 + 90 * SECOND)
  })

  it('shows by a lower position: nothing is skipped as old', () => {
    const { connection, strange, gaps } = resuming()
    connection([numbered(3000)])
    strange({ id: 'x', position: 12, time_us: T0 + 3001 * SECOND })
    expect(gaps).toEqual([{ host: A, from: 12, to: 3000, reason: 'renumbered', recoverable: true }])
    const renumbered = [11, 12, 13].map((position) => ({
      id: `r${position}`,
      position,
      time_us: T0 + (2985 + position) * SECOND,
    }))
    expect(connection(renumbered)).toEqual({
      cursor: T0 + 2990 * SECOND,
      taken: ['r11', 'r12', 'r13'],
    })
    expect(gaps).toHaveLength(1)
  })

  it('is the new truth after that: the next cursor is of the new log', () => {
    const { connection, strange } = resuming()
    connection([numbered(3000)])
    strange({ id: 'x', position: 12, time_us: T0 + 3001 * SECOND })
    connection([{ id: 'r', position: 11, time_us: T0 + 2995 * SECOND }])
    expect(connection([]).cursor).toBe(11)
  })

  it('does not show on a server without sequence numbers by the replay of what is older', () => {
    const { connection, strange, gaps } = resuming()
    connection([timed(4960), timed(5000)])
    expect(strange(timed(12))).toBe(T0 + 5000 * SECOND)
    const log = [timed(4960), timed(4991, 'of which we have all'), timed(5001)]
    expect(connection(log)).toEqual({ cursor: T0 + 4960 * SECOND, taken: ['t5001'] })
    expect(gaps).toEqual([])
  })

  it('shows by times where sequence numbers were', () => {
    const { connection, strange, progress } = resuming()
    connection([numbered(100)])
    strange(timed(101))
    expect(progress.cursorFor(plain(A))).toBe(T0 + 90 * SECOND)
  })

  it('is asked for 10 s, 1 min, 6 min and 36 min before the last event, and opens one gap', () => {
    const { connection, strange, gaps } = resuming()
    connection([timed(5000)])
    const cursors = Array.from({ length: 5 }, () => strange(timed(1)))
    expect(cursors.map((cursor) => ((cursor ?? 0) - T0) / SECOND)).toEqual([
      5000, 4990, 4940, 4640, 2840,
    ])
    expect(gaps).toHaveLength(1)
  })

  it('is then asked for the oldest event', () => {
    const { connection, strange } = resuming({ onCursorRefused: 'oldest' })
    connection([timed(5000)])
    for (let n = 0; n < 5; n++) strange(timed(1))
    expect(connection([timed(1)])).toEqual({ cursor: 0, taken: ['t1'] })
  })

  it('is then listened to from its live end', () => {
    const { progress, connection, strange } = resuming({ onCursorRefused: 'live' })
    connection([timed(5000)])
    progress.opened()
    for (let n = 0; n < 5; n++) strange(timed(1))
    expect(connection([timed(1)])).toEqual({ cursor: undefined, taken: ['t1'] })
  })

  it("then ends the stream under 'fail', naming the cursor and the remedy", () => {
    const { connection, strange, take, progress } = resuming({ onCursorRefused: 'fail' })
    connection([timed(5000)])
    for (let n = 0; n < 4; n++) strange(timed(1))
    progress.cursorFor(plain(A))
    const refusal = () => take([timed(1)])
    expect(refusal).toThrow(new CursorRefusedError(messageAt(2840)))
  })

  it('begins with 10 s again when the log went on in between', () => {
    const { connection, strange } = resuming()
    connection([timed(5000)])
    strange(timed(1))
    strange(timed(1))
    expect(strange(timed(4950), timed(5010))).toBe(T0 + 4940 * SECOND)
    connection([timed(4950), timed(5010), timed(5015)])
    expect(strange(timed(1))).toBe(T0 + 5015 * SECOND)
    expect(strange(timed(1))).toBe(T0 + 4950 * SECOND)
  })
})

describe('a server with sequence numbers that is asked by time', () => {
  const seq = (position: number, seconds: number) => ({
    id: `s${position}`,
    position,
    time_us: T0 + seconds * SECOND,
  })

  it('sends more than asked for: what is older is no news', () => {
    const { connection, gaps } = resuming({ start: T0 + 100 * SECOND })
    expect(connection([seq(1, 51), seq(2, 99), seq(3, 100), seq(4, 101)]).taken).toEqual([
      's3',
      's4',
    ])
    expect(gaps).toEqual([])
  })

  it('sends a whole segment, however old: events that arrive faster than time have an end', () => {
    const { progress, take, gaps } = resuming({ start: T0 + 2 * HOUR })
    progress.cursorFor(plain(A))
    const taken = Array.from({ length: 130 }, (_, minute) => {
      nowMs += 1000
      return take([seq(minute, minute * 60)])
    })
    expect(taken.flat()[0]).toBe('s120')
    expect(gaps).toEqual([])
  })

  it('is live if the time is in its future: asked further back, it drops none for ever', () => {
    const { progress, take, gaps, connection } = resuming({ start: T0 + 100 * SECOND })
    progress.cursorFor(plain(A))
    const live = () =>
      Array.from({ length: 12 }, (_, second) => {
        nowMs += 1000
        return take([seq(second, 90 + second * 0.5)])
      })
    expect(live).toThrow(Redial)
    expect(connection([seq(1, 90)])).toEqual({ cursor: T0 + 90 * SECOND, taken: ['s1'] })
    expect(gaps).toMatchObject([{ reason: 'renumbered', to: T0 + 100 * SECOND }])
  })
})

describe('another host', () => {
  it('is asked by time, 10 s back, and never by the number of the first', () => {
    const { connection, progress } = resuming()
    connection([numbered(100)])
    expect(progress.cursorFor(plain(B))).toBe(T0 + 90 * SECOND)
    expect(progress.cursorFor(plain(A))).toBe(100)
  })

  it('is the one whose number counts, once it brought an event', () => {
    const { connection } = resuming()
    connection([numbered(100)])
    expect(connection([{ id: 'b', position: 7, time_us: T0 + 95 * SECOND }], B).taken).toEqual([
      'b',
    ])
    expect(connection([], B).cursor).toBe(7)
    expect(connection([], A).cursor).toBe(T0 + 85 * SECOND)
  })

  it('that starts hours later opens a gap', () => {
    const { connection, gaps, strangeAt, progress } = resuming()
    connection([numbered(100)])
    const late = { id: 'b', position: 7, time_us: T0 + HOUR }
    expect(strangeAt(B, late)).toBe(T0 + 90 * SECOND)
    expect(strangeAt(B, late)).toBe(0)
    expect(gaps).toEqual([
      {
        host: B,
        from: T0 + 100 * SECOND,
        to: T0 + HOUR,
        reason: 'cursor-too-old',
        recoverable: false,
      },
    ])
    expect(connection([late], B)).toEqual({ cursor: 0, taken: ['b'] })
    expect(progress.asksForFloor).toBe(false)
  })

  it('that lags behind, and sends all that it has, is asked further back: no gap', () => {
    const { connection, gaps, strangeAt } = resuming()
    connection([timed(1050), timed(1100)])
    expect(strangeAt(B, timed(0))).toBe(T0 + 1090 * SECOND)
    expect(connection([timed(1050), timed(1070), timed(1105)], B)).toEqual({
      cursor: T0 + 1040 * SECOND,
      taken: ['t1050', 't1070', 't1105'],
    })
    expect(gaps).toEqual([])
  })

  it('that has nothing as new as an hour ago is another log: one gap, then all that it has', () => {
    const { connection, gaps, strangeAt } = resuming()
    connection([timed(50_000)])
    const cursors = Array.from({ length: 5 }, () => strangeAt(B, timed(0)))
    expect(cursors.map((cursor) => ((cursor ?? 0) - T0) / SECOND)).toEqual([
      49_990, 49_940, 49_640, 47_840, 37_040,
    ])
    expect(gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
    expect(connection([timed(0)], B)).toEqual({ cursor: 0, taken: ['t0'] })
  })

  it('gave the checkpoint: it is good by its time', () => {
    const { progress } = resuming({ start: 5 })
    progress.startFrom({ host: B, position: 7, time_us: T0 + 100 * SECOND })
    expect(progress.cursorFor(plain(A))).toBe(T0 + 90 * SECOND)
    expect(progress.cursorFor(plain(B))).toBe(7)
  })
})

describe('a stored checkpoint', () => {
  it('wins over the configured start', () => {
    const { progress } = resuming({ start: 5 })
    progress.startFrom({ host: A, position: 70, time_us: T0 })
    expect(progress.cursorFor(plain(A))).toBe(70)
  })

  it('brings the event at its position again: nobody here has it', () => {
    const { progress, connection, gaps } = resuming()
    progress.startFrom({ host: A, position: 70, time_us: T0 + 70 * SECOND })
    expect(connection([numbered(70, 'x'), numbered(70, 'y'), numbered(71)]).taken).toEqual([
      'x',
      'y',
      'e71',
    ])
    expect(gaps).toEqual([])
  })

  it('whose position is gone opens a gap from it to the first event there is', () => {
    const { progress, connection, strange, gaps } = resuming()
    progress.startFrom({ host: A, position: 70, time_us: T0 + 70 * SECOND })
    // Its position, ten seconds before it, and the first row that the log has.
    expect([90, 90, 80].map((position) => strange(numbered(position)))).toEqual([
      70,
      T0 + 60 * SECOND,
      0,
    ])
    expect(gaps).toEqual([
      { host: A, from: 70, to: 80, reason: 'cursor-too-old', recoverable: false },
    ])
    expect(connection([numbered(80), numbered(90)])).toEqual({ cursor: 0, taken: ['e80', 'e90'] })
  })

  it('of the future is found out by the first lower event', () => {
    const { progress, strange } = resuming()
    progress.startFrom({ host: A, position: 7000, time_us: T0 + 70 * SECOND })
    strange(numbered(5))
    expect(progress.cursorFor(plain(A))).toBe(T0 + 60 * SECOND)
  })
})

describe('a position that is too old', () => {
  it('opens a gap, also in the middle of a run, and the stream goes on', () => {
    const { connection, strange, gaps } = resuming()
    connection([numbered(5)])
    for (let n = 0; n < 3; n++) strange(numbered(50))
    expect(gaps).toEqual([
      { host: A, from: 5, to: 50, reason: 'cursor-too-old', recoverable: false },
    ])
    expect(connection([numbered(50), numbered(51)]).taken).toEqual(['e50', 'e51'])
    expect(gaps).toHaveLength(1)
  })

  it('is not suspected where the configured start falls between two events', () => {
    const { connection, gaps } = resuming({ start: T0 })
    connection([timed(1800)])
    expect(gaps).toEqual([])
  })

  it('is suspected where the first event is more than an hour after the configured start', () => {
    const { connection, strange, gaps } = resuming({ start: T0 })
    expect([strange(timed(3601)), strange(timed(1))]).toEqual([T0, 0])
    expect(gaps).toMatchObject([{ from: T0, to: T0 + SECOND, reason: 'cursor-too-old' }])
    expect(connection([timed(1)]).taken).toEqual(['t1'])
  })

  it('is none where the log reaches back: then a filter hid what is between', () => {
    const { connection, strange, gaps } = resuming({ start: T0 })
    expect([strange(timed(3601)), strange(timed(-1))]).toEqual([T0, 0])
    expect(connection([timed(3601)])).toEqual({ cursor: T0, taken: ['t3601'] })
    expect(gaps).toEqual([])
  })

  it('is nothing to a start at the oldest event', () => {
    const { connection, gaps } = resuming({ start: 0 })
    connection([numbered(5000)])
    expect(gaps).toEqual([])
  })
})

describe('a configured start that the server does not have', () => {
  it('as a sequence number is refused at once: it has no time to go by', () => {
    const { strange, connection } = resuming({ start: 9000 })
    strange(numbered(5))
    expect(connection([]).cursor).toBe(0)
    const failing = resuming({ start: 9000, onCursorRefused: 'fail' })
    failing.progress.cursorFor(plain(A))
    expect(() => failing.take([numbered(5)])).toThrow(CursorRefusedError)
  })

  it('as a time is asked for further back', () => {
    const { strange } = resuming({ start: T0 + 5000 * SECOND })
    expect(
      [strange(timed(1)), strange(timed(1))].map((cursor) => ((cursor ?? 0) - T0) / SECOND),
    ).toEqual([5000, 4990])
  })
})

describe('a live stream that has received nothing yet', () => {
  const openedMs = T0 / 1000 + 50_000

  it('asks its second connection for what came since it first listened, with an overlap', () => {
    const { progress } = resuming()
    progress.cursorFor(plain(A))
    nowMs = openedMs
    progress.opened()
    expect(progress.cursorFor(plain(A))).toBe(T0 + 48 * SECOND)
    nowMs = openedMs + 60_000
    progress.opened()
    expect(progress.cursorFor(plain(A))).toBe(T0 + 48 * SECOND)
  })

  it('takes what comes from then on, without a gap', () => {
    const { progress, connection, gaps } = resuming()
    nowMs = openedMs
    progress.opened()
    expect(connection([timed(49)]).taken).toEqual(['t49'])
    expect(gaps).toEqual([])
  })

  it('listens live when the server answers with what is older: it has nothing new', () => {
    const { progress, strange, gaps } = resuming()
    nowMs = openedMs
    progress.opened()
    strange(timed(-HOUR / SECOND))
    expect(progress.cursorFor(plain(A))).toBeUndefined()
    expect(gaps).toEqual([])
  })
})

describe('a position that the server says it cannot serve', () => {
  it('goes on as `onCursorRefused` says: oldest, live, or not at all, with a gap', () => {
    for (const [onCursorRefused, cursor] of [
      ['oldest', 0],
      ['live', undefined],
    ] as const) {
      const { progress, connection, gaps } = resuming({ onCursorRefused })
      progress.opened()
      connection([numbered(5)])
      progress.cursorFor(plain(A))
      progress.refused(A, 'too old')
      expect(progress.cursorFor(plain(A))).toBe(cursor)
      expect(gaps).toMatchObject([{ from: 5, to: undefined, reason: 'cursor-too-old' }])
      // It was asked for everything, or for nothing in particular.
      expect(() => progress.refused(A, 'too old')).toThrow(CursorRefusedError)
    }
    const { progress, connection } = resuming({ onCursorRefused: 'fail' })
    connection([numbered(5)])
    progress.cursorFor(plain(A))
    expect(() => progress.refused(A, 'too old')).toThrow(CursorRefusedError)
  })
})

describe('a repeat that does not come, where connections are short', () => {
  it('is asked for from where the last connection came to, so that the stream goes on', () => {
    const { connection, strange, gaps } = resuming()
    connection(Array.from({ length: 30 }, (_, n) => numbered(n + 1)))
    expect(strange(numbered(31))).toBe(30)
    const asked = (...positions: number[]) => connection(positions.map((n) => numbered(n)))
    expect(asked(20, 21, 23)).toEqual({ cursor: T0 + 20 * SECOND, taken: [] })
    // By its number: a time is answered with the whole unsealed segment again.
    expect(asked(23, 29)).toEqual({ cursor: 23, taken: [] })
    // The row at the held position was compacted.
    expect(asked(29, 31)).toEqual({ cursor: 29, taken: ['e31'] })
    expect(gaps).toEqual([])
  })

  it('is asked for from the beginning where the row that came last does not come', () => {
    const { connection, strange, progress, gaps } = resuming()
    connection(Array.from({ length: 30 }, (_, n) => numbered(n + 1)))
    strange(numbered(31))
    const from20 = { cursor: T0 + 20 * SECOND, taken: [] }
    expect(connection([numbered(2), numbered(3)])).toEqual(from20)
    expect(strange({ ...numbered(3), time_us: T0 + 31 * SECOND })).toBe(3)
    expect(connection([numbered(2)])).toEqual(from20)
    progress.cursorFor(plain(A))
    expect(() => progress.onControl(new Control('FutureCursor'), A)).toThrow(Redial)
    expect(connection([numbered(2)])).toEqual(from20)
    expect(progress.cursorFor(plain(A))).toBe(2)
    progress.refused(A, 'too old')
    expect(connection([numbered(2), numbered(31)])).toEqual({ ...from20, taken: ['e31'] })
    expect(gaps).toEqual([])
  })

  it('is not asked for by a row of another host', () => {
    const { connection, strange, progress } = resuming()
    connection(Array.from({ length: 30 }, (_, n) => numbered(n + 1)))
    strange(numbered(31))
    connection([numbered(2), numbered(3)])
    expect(progress.cursorFor(plain(B))).toBe(T0 + 20 * SECOND)
    expect(progress.cursorFor(plain(A))).toBe(30)
  })
})

describe('a replay of what is older, where connections are short', () => {
  const seq = (position: number, seconds: number) => ({
    ...numbered(position),
    time_us: T0 + seconds * SECOND,
  })

  it('goes on for another host, asked by time', () => {
    const { connection, gaps } = resuming()
    connection([numbered(100)])
    expect(connection([seq(1, 20), seq(2, 50)], B)).toEqual({ cursor: T0 + 90 * SECOND, taken: [] })
    expect(connection([], B).cursor).toBe(2)
    expect(connection([seq(2, 50), seq(3, 80)], B)).toEqual({ cursor: 2, taken: [] })
    expect(connection([seq(3, 80), seq(4, 95)], B)).toEqual({ cursor: 3, taken: ['e4'] })
    expect(gaps).toEqual([])
  })

  it('goes on for a configured time', () => {
    const { connection, gaps } = resuming({ start: T0 + 100 * SECOND })
    expect(connection([seq(1, 20), seq(2, 50)]).cursor).toBe(T0 + 100 * SECOND)
    expect(connection([seq(2, 50), seq(3, 100)])).toEqual({ cursor: 2, taken: ['e3'] })
    expect(gaps).toEqual([])
  })

  it('goes on for a live stream that has received nothing yet', () => {
    const { progress, connection, gaps } = resuming()
    nowMs = T0 / 1000 + 2_000_000
    progress.opened()
    nowMs += 30_000
    const cursor = T0 + 1998 * SECOND
    expect(connection([seq(1, 1000), seq(2, 1997)])).toEqual({ cursor, taken: [] })
    // It is younger than the clocks may differ, and still no news of our clock.
    expect(connection([seq(2, 1997), seq(3, 1999)])).toEqual({ cursor: 2, taken: ['e3'] })
    expect(gaps).toEqual([])
  })
})

describe('a live source over a log that was renumbered', () => {
  it(
    'asks again at once, without backoff, and loses nothing of the new log',
    marbles((helpers) => {
      const late = (position: number, seconds: number) => ({
        id: `n${position}`,
        position,
        time_us: T0 + seconds * SECOND,
      })
      const frames = { a: numbered(3000), x: late(12, 3005), l: late(11, 3003) }
      const protocol = (host: string) => ({ ...plain(host), tellsFloor: true })
      const options = { frames, protocol, reconnect: { jitter: 'none' } } as const
      const { events$, sessions, gaps, metrics$ } = scripted(helpers, ['oa#', 'ox', 'olx'], options)
      const { seen } = runFor(helpers, 5000, events$)
      expect(seen.map(({ id }) => id)).toEqual(['e3000', 'n11', 'n12'])
      expect(sessions.times).toEqual([0, 1002, 1003])
      expect(sessions.urls[2]).toBe(`ws://a?cursor=${T0 + 2990 * SECOND}`)
      expect(gaps).toHaveLength(1)
      expect(metrics$.value).toMatchObject({ gaps: 1, duplicates: 1, delivered: 3 })
    }),
  )

  it(
    'never tells of these dials as failures',
    marbles((helpers) => {
      const { events$, snapshots } = scripted(helpers, ['oa#', 'ox', 'ox'], {
        frames: { a: numbered(3000), x: numbered(12) },
      })
      runFor(helpers, 5000, events$)
      const reasons = snapshots.map(({ connection }) => connection.reason?.code)
      expect(new Set(reasons)).toEqual(new Set([undefined, 'CONNECTION_CLOSED']))
    }),
  )
})
