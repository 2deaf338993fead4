import type { CursorRequest, Floor } from './cursor-request.js'
import { isTimeCursor } from './protocol.js'

/** What an event tells, and what the stream does about it. */
export type Verdict =
  /** New. The server has answered as it was asked. */
  | 'new'
  /** New. More events may show how the server answers. */
  | 'more'
  /** Not new: received before. */
  | 'repeat'
  /** Not new: the server sends more than was asked for. */
  | 'older'
  /** The log is another one. Ask by time, and report a gap. */
  | 'renumbered'
  /** The log is another one, and its first new event has come: report a gap, and go on with it. */
  | 'renumbered-here'
  /** The repeat did not come. Ask again, some seconds before it. */
  | 'doubtful'
  /** The log has nothing from there on. Ask further back. */
  | 'further-back'
  /** Ask for all that the log holds, to see where it begins. */
  | 'where-is-the-floor'
  /** The log reaches back to what was asked for. Ask for that again. */
  | 'reaches-back'
  /** The log begins after what was asked for. */
  | 'gone'
  /** Our clock is ahead of the server's. Ask for as much earlier. */
  | 'clock-ahead'
  /** Our clock may be ahead of the server's, and the stream has gone on. */
  | 'clock-unproven'
  /** The server has nothing as new as our first connection. */
  | 'nothing-newer'

/** How the server at hand can be asked. */
export interface Answering<Event> {
  readonly takesTimes: boolean
  readonly forgets: boolean
  readonly tellsFloor: boolean
  identityOf(event: Event): string
  /** Our clock, in unix milliseconds. */
  now(): number
}

// A filter, or a quiet log, explains a first event that is so much later than a configured time.
// By so much older, an event on a legacy server is part of all that it holds, and not of the end.
const FAR_US = 3_600_000_000

// A server at its live end sends as fast as time passes; one that replays sends faster.
const LIVE_PACE = 1.1
const PACE_AFTER_MS = 10_000

// Clocks that are set by the network differ by less, and a segment of a busy log is older.
const LIKELY_AHEAD_US = 60_000_000

// The second connection of a silent stream asks for so much more than is missing.
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

/** An event at the held position: the one that stood there, or another one. */
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
  // A lost end that comes again may fill the same numbers, with others before this event.
  if (held.repeats.delete(server.identityOf(event)))
    return server.takesTimes && !isSameTime ? 'renumbered' : 'repeat'
  if (answered || (held.needNotRepeat && held.repeats.size === 0)) return 'more'
  // A stored position has no identity, but a time: another time is another event.
  if (held.knownFrom === 'earlier run') return isSameTime ? 'more' : 'renumbered'
  return held.anchors.includes(held.position) && isSameTime ? 'repeat' : 'renumbered'
}

/**
 * After an unanswered repeat, on a server with sequence numbers. What was received has a lower or
 * equal number and an earlier or equal time. The first event that is left decides: with a number
 * that was used before, the log was renumbered, and a filter hides what stands at the cursor now;
 * with a higher one, the row at the cursor was removed, and nothing is missing.
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
  // A log that was made anew begins after the time asked for, and a filter may hide its numbers.
  return server.tellsFloor && !request.isClamped ? 'new' : 'where-is-the-floor'
}

/**
 * After an unanswered repeat, on a legacy server. Killed hard, it loses its newest rows and sends
 * them again under later times, so that nothing is missing if the log is the same. Proof in one run
 * is an event that it holds; after a restart of the program, any event from before the stored one.
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
    // Nobody in this run has what comes: the ten seconds are delivered again.
    if (held.knownFrom === 'earlier run') return 'new'
    const isProof = held.anchors.includes(time_us) || held.isFilterChanged
    // Of several at one time we may lack this one.
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

/** A configured position or time, or a time before the held event. */
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
    // A legacy server that has nothing as new sends all that it has. Another host may lag behind.
    if (position === time_us) return request.question === 'rewind' ? 'further-back' : 'renumbered'
    return byTime && isOverlap(request, time_us, server.now()) ? 'older' : 'renumbered'
  }
  if (request.answered || request.reachesBack || server.forgets || !isLate(request, value))
    return 'new'
  if (server.tellsFloor) return request.isClamped ? 'gone' : 'new'
  return 'where-is-the-floor'
}

/** Whether the first event may come after some that are missing. */
function isLate({ question, cursor, held }: CursorRequest, value: number): boolean {
  if (question === 'rewind' && held.time_us > 0) return value > held.time_us
  return isTimeCursor(cursor) ? value - cursor > FAR_US : value > cursor
}

/**
 * Asked by our own clock, since no event has told the server's. An event cannot arrive before it
 * was made, so our clock is ahead by at most as much as any event is old.
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
 * Whether events at this pace are a replay, which ends. A server that was asked for a time of its
 * future is live instead, and would send what is older than that for as long as our clock is ahead.
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
 * By time where a server takes times: a log that was made anew begins with low numbers. Elsewhere
 * the number must reach back too, since the times are those of many hosts.
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
