import type { CursorRequest, Floor } from './cursor-request.js'
import { isTimeCursor } from './protocol.js'

/** What an event shows about the log, and what the stream does then. */
export type Verdict =
  /** New. The server sends what it was asked for. */
  | 'new'
  /** New. More events may show how the server answers. */
  | 'more'
  /** Not new: received before. */
  | 'repeat'
  /** Not new: the server sends more than was asked for. */
  | 'older'
  /** This is another log. Ask by time, and report a gap. */
  | 'renumbered'
  /** This is another log, and this is its first new event: report a gap, and deliver it. */
  | 'renumbered-here'
  /** The repeat did not come. Ask again, from some seconds before it. */
  | 'doubtful'
  /** The log has nothing at or after the cursor. Ask further back. */
  | 'further-back'
  /** Ask for all that the log holds, to see where it begins. */
  | 'where-is-the-floor'
  /** The log reaches back to what was asked for. Ask for that again. */
  | 'reaches-back'
  /** The log begins after what was asked for. */
  | 'gone'
  /** Our clock is ahead of the server's. Ask for a time that is earlier by the difference. */
  | 'clock-ahead'
  /** Our clock may be ahead of the server's, and the stream has gone on. */
  | 'clock-unproven'
  /** The server has no event as new as our first connection. */
  | 'nothing-newer'

/** What the connected server can be asked, and how its events are compared. */
export interface Answering<Event> {
  readonly takesTimes: boolean
  readonly forgets: boolean
  readonly tellsFloor: boolean
  identityOf(event: Event): string
  /** Our clock, in unix milliseconds. */
  now(): number
}

// One hour. A first event that is later than a configured time by no more than this is explained by
// a filter or a quiet log. On a legacy server, an event that is older by this much shows that the
// server sends all that it holds, and not the end of its log.
const FAR_US = 3_600_000_000

// At its live end a server sends as fast as time passes. A replay is faster.
const LIVE_PACE = 1.1
const PACE_AFTER_MS = 10_000

// One minute. Clocks that are set by the network differ by less, and a segment of a busy log is
// older.
const LIKELY_AHEAD_US = 60_000_000

// The second connection of a stream without events asks for this much more than is missing.
export const OPEN_OVERLAP_MS = 2000

/**
 * The rules of resumption, without any state but that of the request: what `event` (`undefined` for
 * a frame that could not be read) shows about the log that a connection was opened on.
 */
export function judge<Event>(
  request: CursorRequest,
  event: Event | undefined,
  position: number,
  time_us: number,
  server: Answering<Event>,
): Verdict {
  switch (request.question) {
    case 'oldest':
      return 'new'
    case 'floor':
      return isReached(request.needs, position, time_us, server) ? 'reaches-back' : 'gone'
    case 'repeat':
      return judgeRepeat(request, event, position, time_us, server)
    case 'trial':
      // A legacy server has no numbers: its positions are times.
      return position === time_us
        ? judgeTimedTrial(request, event, time_us, server)
        : judgeNumberedTrial(request, event, position, time_us, server)
    case 'opened':
      return judgeOpened(request, position, time_us, server)
    case 'start':
    case 'rewind':
      return judgeStart(request, position, time_us, server)
  }
}

/** An inclusive cursor repeats the event at it, where the log is the one that gave the position. */
function judgeRepeat<Event>(
  request: CursorRequest,
  event: Event | undefined,
  position: number,
  time_us: number,
  server: Answering<Event>,
): Verdict {
  const { cursor, held, answered } = request
  const isNumber = !isTimeCursor(cursor)
  if (server.takesTimes && isNumber && isTimeCursor(position)) return 'renumbered'
  if (position === cursor) return judgeCopy(request, event, time_us, server)
  // A number that is lower proves a log that was cut. A time proves nothing: a legacy server
  // without a later row sends all that it has.
  if (position < cursor) return isNumber || !server.takesTimes ? 'renumbered' : 'doubtful'
  if (held.needNotRepeat) return 'new'
  if (answered || server.forgets) return 'new'
  if (server.takesTimes && held.time_us > 0) return 'doubtful'
  return request.reachesBack ? 'new' : 'where-is-the-floor'
}

/** Judges an event at the held position: it is the one that was received there, or another one. */
function judgeCopy<Event>(
  request: CursorRequest,
  event: Event | undefined,
  time_us: number,
  server: Answering<Event>,
): Verdict {
  const { held, answered } = request
  request.answered = true
  if (event === undefined) return 'more'
  const isSameTime =
    held.needNotRepeat || held.time_us === 0 || time_us === 0 || time_us === held.time_us
  // A server that lost the end of its log and received it again may use the same numbers, and put
  // other events before this one.
  if (held.repeats.delete(server.identityOf(event)))
    return server.takesTimes && !isSameTime ? 'renumbered' : 'repeat'
  if (answered || (held.needNotRepeat && held.repeats.size === 0)) return 'more'
  // A stored position has a time but no identity: another time means another event.
  if (held.knownFrom === 'earlier run') return isSameTime ? 'more' : 'renumbered'
  return held.anchors.includes(held.position) && isSameTime ? 'repeat' : 'renumbered'
}

/**
 * Judges an event after a repeat that did not come, on a server with sequence numbers. Events that
 * were received have a lower or equal number and an earlier or equal time. The first other event
 * decides. If its number was used before, the log was renumbered, and a filter hides the event at
 * the cursor. If its number is higher, the row at the cursor was removed, and nothing is missing.
 */
function judgeNumberedTrial<Event>(
  request: CursorRequest,
  event: Event | undefined,
  position: number,
  time_us: number,
  server: Answering<Event>,
): Verdict {
  const { held } = request
  if (position <= held.position && time_us <= held.time_us) {
    const isHeld = position === held.position && time_us === held.time_us
    if (isHeld && held.knownFrom === 'earlier run') return 'new'
    if (isHeld && event !== undefined && !held.repeats.has(server.identityOf(event))) return 'new'
    request.saw = 'older'
    return 'older'
  }
  if (event !== undefined && held.repeats.delete(server.identityOf(event))) return 'repeat'
  if (position <= held.position) return 'renumbered-here'
  if (request.reachesBack || request.saw !== 'nothing') return 'new'
  // A new log begins after the time that was asked for, and a filter may hide its first numbers.
  return server.tellsFloor && !request.isClamped ? 'new' : 'where-is-the-floor'
}

/**
 * Judges an event after a repeat that did not come, on a legacy server. A legacy server that is
 * killed hard loses its newest rows and sends them again under later times, so nothing is missing
 * if the log is the same. Within one run, an event that was received proves that it is. After a
 * restart of the program, any event from before the stored position does.
 */
function judgeTimedTrial<Event>(
  request: CursorRequest,
  event: Event | undefined,
  time_us: number,
  server: Answering<Event>,
): Verdict {
  const { held, cursor } = request
  if (event !== undefined && held.repeats.has(server.identityOf(event))) {
    request.saw = 'held'
    return 'repeat'
  }
  if (time_us < cursor) return 'further-back'
  if (time_us <= held.time_us) {
    // This run has received none of these events: the ten seconds are delivered again.
    if (held.knownFrom === 'earlier run') return 'new'
    const isProof = held.anchors.includes(time_us) || held.isFilterChanged
    // Several events may share this time, and this one may be missing.
    if (!isProof && time_us === held.time_us) return 'new'
    if (isProof) request.saw = 'held'
    else if (request.saw === 'nothing') request.saw = 'older'
    return 'older'
  }
  if (request.saw === 'held') return 'new'
  if (request.saw === 'older') return 'renumbered'
  if (!request.reachesBack) return 'where-is-the-floor'
  return held.isFilterChanged ? 'new' : 'renumbered-here'
}

/** Judges an event after a request for a configured start, or for a time before the held event. */
function judgeStart<Event>(
  request: CursorRequest,
  position: number,
  time_us: number,
  server: Answering<Event>,
): Verdict {
  const { cursor } = request
  const byTime = server.takesTimes && isTimeCursor(cursor)
  if (server.takesTimes && !byTime && isTimeCursor(position)) return 'renumbered'
  const value = byTime ? time_us : position
  if (value < cursor) {
    // A legacy server without an event that new sends all that it has. Another host may lag.
    if (position === time_us) return request.question === 'rewind' ? 'further-back' : 'renumbered'
    return byTime && isOverlap(request, time_us, server.now()) ? 'older' : 'renumbered'
  }
  if (request.answered || request.reachesBack || server.forgets || !isLate(request, value))
    return 'new'
  if (server.tellsFloor) return request.isClamped ? 'gone' : 'new'
  return 'where-is-the-floor'
}

/** Whether events may be missing before the first event. */
function isLate({ question, cursor, held }: CursorRequest, value: number): boolean {
  if (question === 'rewind' && held.time_us > 0) return value > held.time_us
  return isTimeCursor(cursor) ? value - cursor > FAR_US : value > cursor
}

/**
 * Judges an event after a request by our own clock, since no event has shown the server's. An event
 * cannot arrive before it was made, so our clock is ahead by no more than the age of any event.
 */
function judgeOpened<Event>(
  request: CursorRequest,
  position: number,
  time_us: number,
  server: Answering<Event>,
): Verdict {
  const nowMs = server.now()
  const isOlder = time_us < request.cursor
  if (isOlder && request.cursor - time_us >= FAR_US)
    return position === time_us ? 'nothing-newer' : 'older'
  if (request.reachesBack) return isOlder ? 'older' : 'new'
  const ageUs = nowMs * 1000 - time_us
  if (!isOlder && (ageUs <= OPEN_OVERLAP_MS * 1000 || ageUs >= FAR_US)) return 'new'
  // The first event of an overlap is older than this, or asking from before it costs little.
  if (isOlder && request.olderAtMs === 0 && ageUs <= LIKELY_AHEAD_US) return 'clock-ahead'
  if (isOverlap(request, time_us, nowMs)) return isOlder ? 'older' : 'more'
  return isOlder ? 'clock-ahead' : 'clock-unproven'
}

/**
 * Whether events at this pace are a replay, which ends. A server that was asked for a time in its
 * future is live instead: it would send events older than that time for as long as our clock is
 * ahead.
 */
function isOverlap(request: CursorRequest, time_us: number, nowMs: number): boolean {
  if (request.olderAtMs === 0) {
    request.olderAtMs = nowMs
    request.olderUs = time_us
  }
  const passedMs = nowMs - request.olderAtMs
  return passedMs < PACE_AFTER_MS || time_us - request.olderUs > passedMs * 1000 * LIVE_PACE
}

/**
 * Compares times where a server takes times, because a new log begins with low numbers. On other
 * servers the number must reach back too, because the times are those of many hosts.
 */
function isReached<Event>(
  needs: Floor,
  position: number,
  time_us: number,
  { takesTimes }: Answering<Event>,
): boolean {
  const hasTimes = needs.time_us > 0 && time_us > 0
  if (hasTimes && time_us > needs.time_us) return false
  return (takesTimes && hasTimes) || position <= needs.position
}
