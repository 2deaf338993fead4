import { memoryCursorStore } from '../../src/cursors/memory.js'
import { Checkpoint } from '../../src/delivery/checkpoint.js'
import type { Gap } from '../../src/delivery/gaps.js'
import type { Position } from '../../src/delivery/position.js'
import { positionFormat } from '../../src/delivery/saved-position.js'
import { CursorRefusedError, RefusedError, ServerError } from '../../src/errors.js'
import { SILENT } from '../../src/internal/log.js'
import type { CursorProgressOptions } from '../../src/live/cursor-progress.js'
import type { OnCursorRefused } from '../../src/live/cursor-request.js'
import { Hosts } from '../../src/live/hosts.js'
import { AskAgain, Control, Redial } from '../../src/live/protocol.js'
import { Received } from '../../src/live/received.js'
import { marbles } from '../../src/testing/index.js'
import {
  cursorProgress,
  type Numbered,
  numbered,
  plain,
  quiet,
  runFor,
  scripted,
  T0,
} from './sessions.js'

const A = 'ws://a'
const SECOND = 1_000_000
const timed = (seconds: number, id = `t${seconds}`): Numbered => ({
  id,
  position: T0 + seconds * SECOND,
  time_us: T0 + seconds * SECOND,
})
const seq = (position: number, seconds: number): Numbered => ({
  id: `s${position}`,
  position,
  time_us: T0 + seconds * SECOND,
})

function resuming(options: Partial<CursorProgressOptions> = {}) {
  const gaps: Gap[] = []
  const clock = { ms: T0 / 1000 }
  const progress = cursorProgress(
    { start: undefined, onCursorRefused: 'oldest', now: () => clock.ms, ...options },
    gaps,
  )
  const take = (...events: readonly Numbered[]) =>
    events
      .filter((event) => progress.onEvent(event, A, event.position, event.time_us))
      .map(({ id }) => id)
  const connection = (...events: readonly Numbered[]) => {
    const cursor = progress.cursorFor(plain(A))
    return { cursor, taken: take(...events) }
  }
  const asksAgain = (...events: readonly Numbered[]) => {
    const cursor = progress.cursorFor(plain(A))
    expect(() => take(...events)).toThrow(AskAgain)
    return cursor
  }
  return { progress, gaps, clock, take, connection, asksAgain }
}

describe('a position an hour ahead for one event', () => {
  const msAt = (seconds: number) => T0 / 1000 + seconds * 1000
  const receiving = () => {
    const received = new Received<Numbered>()
    const at = (seconds: number) =>
      received.moveTo(A, timed(seconds).position, timed(seconds).time_us)
    return { received, at }
  }

  it('is no gap and no replay of everything: the last plausible position is asked for', () => {
    const { connection, asksAgain, gaps } = resuming()
    connection(timed(0), timed(30), timed(40), timed(3640, 'ahead'))
    // A legacy server is live for a cursor of its future.
    expect(asksAgain(timed(43))).toBe(T0 + 3640 * SECOND)
    const log = [timed(40), timed(41), timed(42), timed(43)]
    expect(connection(...log)).toEqual({ cursor: T0 + 40 * SECOND, taken: ['t41', 't42', 't43'] })
    expect(gaps).toEqual([])
    expect(connection().cursor).toBe(T0 + 43 * SECOND)
  })

  it('is not what another host is asked for', () => {
    const { connection, progress } = resuming()
    connection(seq(1, 0), seq(2, 40), seq(3, 3640))
    expect(progress.cursorFor(plain('ws://b'))).toBe(T0 + 30 * SECOND)
  })

  it('is not saved, also while others come after it: the position before it is', () => {
    const { received, at } = receiving()
    at(0)
    at(40)
    at(3640)
    const ahead = received.last
    const before = { host: A, position: T0 + 40 * SECOND, time_us: T0 + 40 * SECOND }
    expect(received.savable(ahead, msAt(41))).toEqual(before)
    at(43)
    at(60)
    expect(received.savable(ahead, msAt(61))).toEqual(before)
    expect(received.savable(received.last, msAt(61))).toEqual(received.last)
    expect(received.savable(undefined, msAt(61))).toBeUndefined()
    // An hour later nothing is skipped any more.
    expect(received.savable(ahead, msAt(3641))).toBe(ahead)
  })

  it('is saved if the stream goes on from there, or our clock has come there', () => {
    const { received, at } = receiving()
    at(40)
    at(3640)
    at(3641)
    expect(received.savable(received.last, msAt(41))).toEqual(received.last)
    at(7200)
    expect(received.savable(received.last, msAt(7201))).toEqual(received.last)
  })

  it('is a position like any other where the time goes on from there', () => {
    const { connection, asksAgain } = resuming()
    connection(timed(0), timed(3640), timed(3645), timed(3660))
    expect(asksAgain(timed(1))).toBe(T0 + 3660 * SECOND)
    expect(connection(timed(0), timed(3640), timed(3661)).taken).toEqual(['t3661'])
  })
})

describe('a live stream that had no event yet, by a clock that is ten seconds ahead', () => {
  /** The time of the server, in seconds, and ours. */
  const ahead = () => {
    const all = resuming()
    const at = (seconds: number) => {
      all.clock.ms = T0 / 1000 + (seconds + 10) * 1000
    }
    at(100)
    all.progress.cursorFor(plain(A))
    all.progress.opened()
    return { ...all, at }
  }

  it.each([
    ['with sequence numbers', seq],
    ['without', (_: number, seconds: number) => timed(seconds)],
  ] as const)('goes by the time of a server %s: nothing since it opened is dropped', (_, event) => {
    const { asksAgain, connection, at, gaps } = ahead()
    at(102)
    // The server takes 108 for its future, and is live.
    expect(asksAgain(event(20, 102))).toBe(T0 + 108 * SECOND)
    expect(connection(event(18, 100), event(19, 101), event(20, 102))).toMatchObject({
      cursor: T0 + 98 * SECOND,
      taken: { length: 3 },
    })
    expect(gaps).toEqual([])
  })

  it('asks for as much earlier as the events are old, if all are older than asked for', () => {
    const { progress, connection, take, at, gaps } = resuming10()
    progress.cursorFor(plain(A))
    const live = () => {
      for (let n = 0; n < 30; n++) {
        at(60 + n)
        take(seq(10 + n, 60 + n))
      }
    }
    expect(live).toThrow(/our clock is up to 100 s ahead/)
    expect(connection(seq(1, 58), seq(2, 59), seq(9, 60))).toEqual({
      cursor: T0 - 42 * SECOND + 90 * SECOND,
      taken: ['s1', 's2', 's9'],
    })
    expect(gaps).toEqual([])
  })

  /** A hundred seconds ahead. */
  function resuming10() {
    const all = resuming()
    const at = (seconds: number) => {
      all.clock.ms = T0 / 1000 + (seconds + 100) * 1000
    }
    at(50)
    all.progress.cursorFor(plain(A))
    all.progress.opened()
    return { ...all, at }
  }

  it('is not suspected where an event arrives as soon as it is made', () => {
    const { progress, clock, connection, gaps } = resuming()
    progress.cursorFor(plain(A))
    progress.opened()
    clock.ms += 30_000
    expect(connection(seq(1, 29))).toEqual({ cursor: T0 - 2 * SECOND, taken: ['s1'] })
    expect(connection().cursor).toBe(1)
    expect(gaps).toEqual([])
  })

  it('is a gap where the stream has gone on, and no event shows that our clock is right', () => {
    const { progress, clock, take, gaps } = resuming()
    progress.cursorFor(plain(A))
    progress.opened()
    clock.ms += 60_000
    progress.cursorFor(plain(A))
    for (let n = 0; n < 12; n++) {
      clock.ms += 1000
      expect(take(seq(n, 52 + n))).toHaveLength(1)
    }
    expect(gaps).toEqual([
      {
        host: A,
        from: T0 - 11 * SECOND,
        to: T0 - 2 * SECOND,
        reason: 'cursor-too-old',
        recoverable: true,
      },
    ])
  })
})

describe('a filter that changes', () => {
  it('is no answer to a cursor: the server may have been killed meanwhile', () => {
    const { progress, connection, asksAgain, gaps } = resuming()
    connection(numbered(5))
    progress.filterChanged()
    expect(asksAgain(numbered(9))).toBe(5)
    // Renumbered, as the position of what came after the held event shows.
    expect(connection(numbered(4), { ...numbered(5, 'other'), time_us: T0 + 8 * SECOND })).toEqual({
      cursor: T0 - 5 * SECOND,
      taken: ['other'],
    })
    expect(gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
  })

  it('costs one more question, and no gap, where the log is the same', () => {
    const { progress, connection, asksAgain, gaps } = resuming()
    connection(numbered(5))
    progress.filterChanged()
    expect(asksAgain(numbered(9))).toBe(5)
    expect(connection(numbered(3, 'of the new filter'), numbered(9))).toEqual({
      cursor: T0 - 5 * SECOND,
      taken: ['e9'],
    })
    expect(connection(numbered(9), numbered(10)).taken).toEqual(['e10'])
    expect(gaps).toEqual([])
  })

  it('does not hide that a position is gone on a wire that clamps in silence', () => {
    const { progress, asksAgain, gaps } = resuming({ start: T0 })
    progress.filterChanged()
    expect([asksAgain(timed(7200)), asksAgain(timed(3601))]).toEqual([T0, 0])
    expect(gaps.map(({ reason }) => reason)).toEqual(['cursor-too-old'])
  })

  it('needs no proof of a legacy log but that it reaches back', () => {
    const { progress, connection, asksAgain, gaps } = resuming()
    connection(timed(0), timed(30))
    progress.filterChanged()
    asksAgain(timed(40))
    expect(connection(timed(25, 'of the new filter'), timed(40)).taken).toEqual(['t40'])
    expect(gaps).toEqual([])
  })
})

describe('the held event at its position under another time', () => {
  it('is a renumbered log: what was lost came again, with another event before it', () => {
    const { progress, connection, asksAgain, gaps } = resuming()
    connection(seq(8, 8), seq(9, 9))
    expect(asksAgain({ ...seq(9, 19), id: 's9' })).toBe(9)
    expect(gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
    expect(progress.cursorFor(plain(A))).toBe(T0 - SECOND)
  })
})

describe('a server that says that it begins later', () => {
  const told = (onCursorRefused: OnCursorRefused) => {
    const all = resuming({ onCursorRefused })
    const counting = { ...plain(A), takesTimes: false }
    all.connection(numbered(5))
    all.progress.cursorFor(counting)
    expect(() =>
      all.progress.onControl(new Control('OutdatedCursor', 'Requested cursor exceeded limit'), A),
    ).toThrow(AskAgain)
    // What comes after it, without the repeat.
    expect(all.progress.cursorFor(counting)).toBe(6)
    return all
  }

  it("ends the stream under 'fail'", () => {
    const { progress, gaps } = told('fail')
    expect(() =>
      progress.onControl(new Control('OutdatedCursor', 'Requested cursor exceeded limit'), A),
    ).toThrow(CursorRefusedError)
    expect(gaps).toHaveLength(1)
  })

  it('has lost nothing where it says so of the repeat alone', () => {
    const { take, gaps } = told('fail')
    expect(take(numbered(9))).toEqual(['e9'])
    expect(gaps).toEqual([])
  })

  it("is dialled again for what comes under 'live', and goes on under 'oldest'", () => {
    const live = told('live')
    expect(() =>
      live.progress.onControl(new Control('OutdatedCursor', 'Requested cursor exceeded limit'), A),
    ).toThrow(Redial)
    expect(live.progress.cursorFor(plain(A))).toBeUndefined()
    const oldest = told('oldest')
    oldest.progress.onControl(new Control('OutdatedCursor', 'Requested cursor exceeded limit'), A)
    expect(oldest.take(numbered(9))).toEqual(['e9'])
    expect([live.gaps.length, oldest.gaps.length]).toEqual([1, 1])
  })
})

describe('what proves that a log is the same', () => {
  it('is no position of another host', () => {
    const { progress, take, connection } = resuming()
    connection(timed(0), timed(30), timed(60))
    const b = plain('ws://b')
    const takeOfB = (...events: readonly Numbered[]) =>
      events.filter((one) => progress.onEvent(one, b.host, one.position, one.time_us))
    progress.cursorFor(b)
    takeOfB(timed(55), timed(57))
    progress.cursorFor(b)
    expect(() => takeOfB(timed(58))).toThrow(AskAgain)
    expect(progress.cursorFor(b)).toBe(T0 + 55 * SECOND)
    expect(take()).toEqual([])
  })

  it('is no position from before it was given up', () => {
    const { progress, connection, asksAgain } = resuming({ onCursorRefused: 'live' })
    connection(timed(0), timed(20), timed(40))
    progress.cursorFor(plain(A))
    progress.refused(A, 'too old')
    expect(connection(timed(100), timed(105)).cursor).toBeUndefined()
    asksAgain(timed(106))
    expect(connection().cursor).toBe(T0 + 100 * SECOND)
  })

  it('is asked for again as a trial, once the log is known to reach back', () => {
    const { connection, asksAgain, gaps } = resuming()
    connection(seq(100, 100))
    expect([seq(103, 103), seq(103, 103), seq(1, 1)].map((one) => asksAgain(one))).toEqual([
      100,
      T0 + 90 * SECOND,
      0,
    ])
    expect(connection(seq(103, 103))).toEqual({ cursor: T0 + 90 * SECOND, taken: ['s103'] })
    expect(gaps).toEqual([])
  })

  it.each([
    ['a number', (seconds: number) => seq(seconds, seconds)],
    ['a time', timed],
  ] as const)('brings another event at the held position, where that is %s', (_, at) => {
    const { connection, asksAgain, gaps } = resuming()
    connection(at(100))
    asksAgain(at(103))
    expect(connection({ ...at(100), id: 'beside it' }).taken).toEqual(['beside it'])
    expect(gaps).toEqual([])
  })

  it('is progress from the last plausible position on', () => {
    const { progress, connection, asksAgain } = resuming()
    connection(timed(0), timed(30), timed(40), timed(3640))
    asksAgain(timed(43))
    connection(timed(40), timed(41))
    expect(progress.hasAdvanced()).toBe(true)
  })
})

describe('retries', () => {
  const attempts = () => new Hosts(quiet)

  it('wait where a server leads from one question to the next for ever', () => {
    const asking = attempts()
    const waits = Array.from({ length: 14 }, () => asking.afterEnd(new AskAgain('again'), 1))
    expect(waits.slice(0, 12).every((wait) => wait === 0)).toBe(true)
    expect(waits.slice(12).every((wait) => wait > 0)).toBe(true)
  })

  it('come at once where a server asks for it, and wait where it does nothing else', () => {
    const asked = attempts()
    const come = () => asked.afterEnd(new ServerError('ConsumerTooSlow', 'slow'), 1)
    expect([come(), come() > 0]).toEqual([0, true])
    asked.progressed()
    expect(come()).toBe(0)
  })
})

describe('a position that is given up', () => {
  it.each(['oldest', 'live'] as const)('is told in the log too, under %s', (onCursorRefused) => {
    const lines: string[] = []
    const log = { ...SILENT, warn: (line: string) => lines.push(line) }
    const progress = cursorProgress({ start: 5, onCursorRefused }, [], log)
    progress.cursorFor({ ...plain(A), takesTimes: false })
    try {
      progress.onControl(new Control('OutdatedCursor', 'exceeded limit'), A)
    } catch (error) {
      expect(error).toBeInstanceOf(AskAgain)
    }
    const next = onCursorRefused === 'oldest' ? 'the oldest event' : 'the live end'
    expect(lines).toEqual([
      `ws://a: the position was given up, going on from ${next}: exceeded limit`,
    ])
  })
})

describe('a log that is renumbered again and again, and never goes on', () => {
  it('is one gap', () => {
    const { connection, asksAgain, gaps } = resuming()
    const five = [1, 2, 3, 4, 5].map((position) => numbered(position))
    connection(...five)
    for (let n = 0; n < 5; n++) {
      expect(asksAgain(numbered(1))).toBe(5)
      connection(...five)
    }
    expect(gaps).toHaveLength(1)
    connection(...five.slice(-1), numbered(6))
    asksAgain(numbered(1))
    expect(gaps).toHaveLength(2)
  })
})

describe('a log that was made anew', () => {
  const made = (position: number, run: string): Numbered => ({
    id: `${run}${position}`,
    position,
    time_us: T0 + position * SECOND,
  })
  const LABELER = { ...plain(A), takesTimes: false, forgets: true }
  /** A labeler's log far below the stored position. */
  const labeler = () => {
    const all = resuming()
    all.progress.startFrom({ host: A, position: 100_000, time_us: T0 + 500 * SECOND })
    const connection = (...events: readonly Numbered[]) => {
      all.progress.cursorFor(LABELER)
      return all.take(...events)
    }
    const refuses = (event: Numbered) => expect(() => connection(event)).toThrow(AskAgain)
    refuses(made(3, 'a'))
    return { ...all, connection, refuses }
  }

  it('is progress with each connection that brings more of it', () => {
    const { progress, connection, gaps } = labeler()
    expect(connection(made(1, 'a'), made(2, 'a'), made(3, 'a'))).toEqual(['a1', 'a2', 'a3'])
    expect(progress.hasAdvanced()).toBe(true)
    expect(connection(made(3, 'a'), made(4, 'a'))).toEqual(['a4'])
    expect(progress.hasAdvanced()).toBe(true)
    connection(made(4, 'a'))
    expect(progress.hasAdvanced()).toBe(false)
    expect(gaps).toHaveLength(1)
  })

  it('is another gap where it is made anew again', () => {
    const { connection, refuses, gaps } = labeler()
    connection(made(1, 'a'), made(2, 'a'), made(3, 'a'))
    refuses(made(2, 'b'))
    expect(connection(made(1, 'b'), made(2, 'b'))).toEqual(['b1', 'b2'])
    expect(gaps.map(({ from, to }) => [from, to])).toEqual([
      [3, 100_000],
      [2, 3],
    ])
  })

  it('is progress once, and one gap, where the same few events come again and again', () => {
    const { progress, connection, refuses, gaps } = labeler()
    const advances = Array.from({ length: 6 }, () => {
      connection(made(1, 'a'), made(2, 'a'), made(3, 'a'))
      const hasAdvanced = progress.hasAdvanced()
      refuses(made(1, 'b'))
      return hasAdvanced
    })
    expect(advances).toEqual([true, false, false, false, false, false])
    expect(gaps.length).toBeLessThanOrEqual(2)
  })
})

describe('a log of wire v2 that was made anew behind a filter', () => {
  const V2 = { ...plain(A), tellsFloor: true }
  const INFO = 'requested timestamp cursor below retention floor; starting at seq 1'
  const late = seq(1003, 90_000)
  /** Until the trial is said to start later than asked for. */
  const clamped = () => {
    const all = resuming()
    all.progress.startFrom({ host: A, position: 1000, time_us: T0 })
    const asks = (...events: readonly Numbered[]) => {
      const cursor = all.progress.cursorFor(V2)
      if (cursor !== 1000) all.progress.onControl(new Control('OutdatedCursor', INFO), A)
      return [cursor, () => all.take(...events)] as const
    }
    const asksAgain = (...events: readonly Numbered[]) => {
      const [cursor, take] = asks(...events)
      expect(take).toThrow(AskAgain)
      return cursor
    }
    expect([asksAgain(late), asksAgain(late)]).toEqual([1000, T0 - 10 * SECOND])
    return { ...all, asks, asksAgain }
  }

  it('is a gap, by times, where its first row is later than what we have', () => {
    const { progress, asks, asksAgain, gaps } = clamped()
    expect(asksAgain(seq(1, 80_000))).toBe(0)
    expect(progress.asksForFloor).toBe(true)
    expect(gaps).toEqual([
      {
        host: A,
        from: T0,
        to: T0 + 80_000 * SECOND,
        reason: 'cursor-too-old',
        recoverable: false,
      },
    ])
    const [cursor, take] = asks(seq(1, 80_000), late)
    expect([cursor, take()]).toEqual([0, ['s1', 's1003']])
  })

  it('is none where the first row is older: then compaction took what is between', () => {
    const { asks, asksAgain, gaps } = clamped()
    asksAgain(seq(900, -20))
    const [cursor, take] = asks(late)
    expect([cursor, take()]).toEqual([T0 - 10 * SECOND, ['s1003']])
    expect(gaps).toEqual([])
  })

  it('is nothing to ask about where the trial brings what we have', () => {
    const { progress, take, gaps, asksAgain } = resuming()
    progress.startFrom({ host: A, position: 1000, time_us: T0 })
    asksAgain(late)
    progress.cursorFor(V2)
    progress.onControl(new Control('OutdatedCursor', INFO), A)
    expect(take(seq(999, -1), late)).toEqual(['s1003'])
    expect(gaps).toEqual([])
  })

  it('is no second gap where it is asked by time after its numbers went back', () => {
    const { progress, take, gaps } = resuming()
    progress.startFrom({ host: A, position: 1000, time_us: T0 })
    progress.cursorFor(V2)
    expect(() => take(seq(5, 90_000))).toThrow(AskAgain)
    progress.cursorFor(V2)
    progress.onControl(new Control('OutdatedCursor', INFO), A)
    // Clamped, it begins after what we have: all that it holds is asked for.
    expect(() => take(seq(5, 90_000))).toThrow(AskAgain)
    expect(progress.cursorFor(V2)).toBe(0)
    expect(take(seq(1, 80_000), seq(5, 90_000))).toEqual(['s1', 's5'])
    expect(gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
  })
})

describe('a frame that cannot be read', () => {
  it('inside the overlap of a reconnect does not move the resume cursor back', () => {
    const { progress, connection } = resuming()
    connection(numbered(8), numbered(9))
    progress.cursorFor(plain(A))
    progress.onReject(A, 8, numbered(8).time_us)
    expect(progress.last?.position).toBe(9)
    expect(connection(numbered(9), numbered(10)).taken).toEqual(['e10'])
  })

  it('stands where the repeat should, and that is an answer; anywhere else it is none', () => {
    const { progress, connection, take, gaps } = resuming()
    connection(numbered(9))
    progress.cursorFor(plain(A))
    progress.onReject(A, 9, numbered(9).time_us)
    expect(take(numbered(10))).toEqual(['e10'])
    progress.cursorFor(plain(A))
    expect(() => progress.onReject(A, 14, numbered(14).time_us)).toThrow(AskAgain)
    expect(progress.last?.position).toBe(10)
    expect(gaps).toEqual([])
  })
})

describe('a checkpoint', () => {
  const mark = (host: string, position: number): Position => ({ host, position, time_us: T0 })

  it('is saved again where another host gives the same position', async () => {
    const store = memoryCursorStore()
    let current = mark('ws://a', 7)
    const checkpoint = new Checkpoint(
      { store },
      { key: 'key', host: 'ws://a', format: positionFormat, log: SILENT },
      () => current,
      () => {},
    )
    await checkpoint.save()
    current = mark('ws://b', 7)
    await checkpoint.save()
    expect(JSON.parse(store.positions.get('key') ?? '')).toMatchObject({
      host: 'ws://b',
      position: 7,
    })
  })

  it('is flushed to the end, also where work ended while a save was in flight', async () => {
    const store = memoryCursorStore()
    let current = mark('ws://a', 1)
    const slow = {
      ...store,
      load: store.load.bind(store),
      save(key: string, text: string) {
        current = mark('ws://a', 2)
        return store.save(key, text)
      },
    }
    const checkpoint = new Checkpoint(
      { store: slow },
      { key: 'key', host: 'ws://a', format: positionFormat, log: SILENT },
      () => current,
      () => {},
    )
    await checkpoint.flush()
    expect(JSON.parse(store.positions.get('key') ?? '')).toMatchObject({ position: 2 })
  })

  it('is flushed with the delivery that is open during the call', async () => {
    const store = memoryCursorStore()
    let current: Position | undefined
    const checkpoint = new Checkpoint(
      { store },
      { key: 'key', host: 'ws://a', format: positionFormat, log: SILENT },
      () => current,
      () => {},
    )
    const flushed = checkpoint.flush()
    current = mark('ws://a', 1)
    await flushed
    expect(JSON.parse(store.positions.get('key') ?? '')).toMatchObject({ position: 1 })
  })
})

describe('what is told', () => {
  it(
    'names a host in one way, whoever finds the gap, and says how to choose another cursor',
    marbles((helpers) => {
      const { events$, gaps } = scripted(helpers, ['#'], {
        errors: [new RefusedError('too old', { status: 400, body: '' })],
        protocol: (host) => ({ ...plain(`${host}/endpoint`), refused: () => 'cursor' }),
        position: { start: 5, onCursorRefused: 'fail' },
      })
      const { error } = runFor(helpers, 5000, events$)
      expect((error as Error).message).toContain('choose a newer `cursor`')
      expect(gaps.map(({ host }) => host)).toEqual(['ws://a/endpoint'])
    }),
  )

  it('says an older cursor where the one given lies in the future', () => {
    const { progress, take } = resuming({ start: 9000, onCursorRefused: 'fail' })
    progress.cursorFor(plain(A))
    expect(() => take(numbered(5))).toThrow('choose an older `cursor`')
  })

  it(
    'is why the stream dialled again, and no failure',
    marbles((helpers) => {
      const { events$, snapshots } = scripted(helpers, ['oa#', 'ox', 'ox'], {
        frames: { a: numbered(3000), x: numbered(12) },
      })
      runFor(helpers, 5000, events$)
      const redialled = snapshots.flatMap(({ connection }) =>
        'redialled' in connection ? [connection.redialled] : [],
      )
      expect(new Set(redialled)).toEqual(
        new Set(['the log of ws://a does not hold the cursor 3000; asking by time']),
      )
    }),
  )
})
