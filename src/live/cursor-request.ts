import { AskAgain } from './protocol.js'

/**
 * What to do when a server cannot serve the position asked for: end the stream, or go on from
 * another place, with a gap.
 */
export type OnCursorRefused = 'fail' | 'oldest' | 'live'

/**
 * Where the first connection starts when no checkpoint says it: a position, all there is, or
 * `undefined` for the live end.
 */
export type Start = number | 'oldest' | undefined

/**
 * Why a connection starts where it does. Each question has its own rule for the events that answer
 * it: see {@link judge}.
 *
 * - `start`, `oldest`: the configured start.
 * - `opened`: the time at which the first connection opened, since no event has come yet.
 * - `repeat`: the position of the event that was received, or saved, last. Its repeat is the proof.
 * - `trial`: that repeat did not come. Some seconds before it, to see why.
 * - `rewind`: a time before that event, on another host or in a log that is known to be another.
 * - `floor`: all that the log holds, unfiltered. Its first row shows whether a position is gone.
 */
export type Question = 'start' | 'oldest' | 'opened' | 'repeat' | 'trial' | 'rewind' | 'floor'

/** The event that the stream must go on from. */
export interface Held {
  readonly position: number
  /** Its own time in unix microseconds; 0 where it has none. */
  readonly time_us: number
  /** Which run received it: of an earlier one, no identity is known. */
  readonly knownFrom: 'this run' | 'earlier run'
  /** Identities of what this run received at that position, or out of order after it. */
  readonly repeats: Set<string>
  /** Positions of older events of this run: one of them is proof that the log is the same. */
  readonly anchors: readonly number[]
  /** The filter is another one since: none of these needs to come again. */
  readonly isFilterChanged: boolean
  /**
   * It was read from an archive, which has rows that a socket does not send, or was passed without
   * an event that the filter wants. That it does not come again shows nothing.
   */
  readonly needNotRepeat: boolean
}

/** A row of a log; 0 for what is not known of it. */
export interface Floor {
  readonly position: number
  readonly time_us: number
}

/** What a connection was asked for, until its first events have shown how the server answers. */
export interface CursorRequest {
  readonly question: Question
  readonly cursor: number
  readonly held: Held
  /** Where a log must begin at the latest for nothing to be missing. */
  readonly needs: Floor
  /** The log is known to reach back to what was asked for. */
  readonly reachesBack: boolean
  /** The event at the cursor came. */
  answered: boolean
  /** The server said that it starts later than asked for. */
  isClamped: boolean
  /** Events came that are at or before the held one; or even some that this run holds. */
  saw: 'nothing' | 'older' | 'held'
  /**
   * The last row that came and was no news: its position (0: none) and time. Where a connection
   * ends there, the next one goes on from that row.
   */
  cameTo: number
  cameToUs: number
  /** This connection was asked for that row. Until it comes, nothing is proven. */
  goesOn: boolean
  /** The first event that was older than asked for: its time, and when it arrived. */
  olderUs: number
  olderAtMs: number
}

export const NOTHING_HELD: Held = {
  position: 0,
  time_us: 0,
  knownFrom: 'earlier run',
  repeats: new Set(),
  anchors: [],
  isFilterChanged: false,
  needNotRepeat: false,
}

/**
 * Servers may send hours of older rows before what was asked for. Where connections are shorter
 * than that, beginning again each time would never end. So the same question goes on, by the number
 * of the row that came last: a time would be answered with all of these rows again.
 */
export function goOn(request: CursorRequest, before: CursorRequest | undefined): CursorRequest {
  if (
    before === undefined ||
    before.cameTo === 0 ||
    before.question !== request.question ||
    before.cursor !== request.cursor
  )
    return request
  const { saw, isClamped, cameTo, cameToUs } = before
  return { ...request, saw, isClamped, cameTo, cameToUs, goesOn: true }
}

/** The row that a connection was asked for comes first, if the log is still the same. */
export function provePlace(
  request: CursorRequest,
  host: string,
  position: number,
  time_us: number,
  nowMs: number,
): void {
  if (position !== request.cameTo || time_us !== request.cameToUs) losePlace(request, host)
  request.goesOn = false
  request.olderAtMs = nowMs
  request.olderUs = time_us
}

/** The next connection begins again. */
export function losePlace(request: CursorRequest, host: string): never {
  const { cameTo } = request
  request.cameTo = 0
  throw new AskAgain(`${host} does not go on from ${cameTo}; asking from the beginning`)
}

export function cursorRequest(
  question: Question,
  cursor: number,
  changes: Partial<CursorRequest> = {},
): CursorRequest {
  return {
    question,
    cursor,
    held: NOTHING_HELD,
    needs: { position: 0, time_us: 0 },
    reachesBack: false,
    answered: false,
    isClamped: false,
    saw: 'nothing',
    cameTo: 0,
    cameToUs: 0,
    goesOn: false,
    olderUs: 0,
    olderAtMs: 0,
    ...changes,
  }
}
