import * as z from '#schema'
import type { Start } from '../../live/cursor-request.js'
import { isTimeCursor } from '../../live/protocol.js'
import { saying } from '../../options/saying.js'

/** Where a stream starts when there is no stored checkpoint. */
export type CursorStart =
  /** With new events. */
  | 'live'
  /** With the oldest event that the server has. */
  | 'oldest'
  /** At a position: a sequence number (below 1e15), or unix microseconds. */
  | number
  /** At a time; one that is up to a minute ahead means now. */
  | Date
  /** This many milliseconds ago. */
  | { readonly ago: number }

const CURSOR = "must be 'live', 'oldest', a position, a Date or `{ ago: ms }`"
const anyCursor = z.union(
  [
    z.literal(['live', 'oldest']),
    z.int(CURSOR).check(z.gte(0, CURSOR)),
    z.date(),
    z.strictObject({ ago: z.number(CURSOR).check(z.gte(0, 'must not be negative')) }),
  ],
  CURSOR,
)

const DAY_MS = 86_400_000
// The clocks of two machines differ by seconds. A date of tomorrow is a mistake.
const CLOCK_SKEW_MS = 60_000

function mistakeInCursor(cursor: CursorStart): string | undefined {
  if (cursor instanceof Date)
    return cursor.getTime() > Date.now() + CLOCK_SKEW_MS
      ? `lies in the future: ${cursor.toISOString()}`
      : undefined
  // The shape has reported a number that is not a position.
  if (typeof cursor !== 'number' || !Number.isSafeInteger(cursor)) return undefined
  // Servers take these for sequence numbers of the future, and start at the live end in silence.
  if (cursor > 1e12 && !isTimeCursor(cursor))
    return (
      `must be unix microseconds or a sequence number; ` +
      `${cursor} looks like milliseconds: pass a Date`
    )
  return cursor > (Date.now() + DAY_MS) * 1000
    ? `must be unix microseconds; ${cursor} lies in the future`
    : undefined
}

/** Called for each subscription: `{ ago }` is relative to `now`. */
export function startOf(cursor: CursorStart): (now: number) => Start {
  if (cursor === 'live') return () => undefined
  if (cursor === 'oldest' || typeof cursor === 'number') return () => cursor
  if (!(cursor instanceof Date)) return (now) => Math.round((now - cursor.ago) * 1000)
  // A time a little ahead means now: a server would refuse it, or start elsewhere.
  const position = Math.min(cursor.getTime(), Date.now()) * 1000
  return () => position
}

/** The option `cursor`. */
export const cursor = anyCursor.check(saying(mistakeInCursor))
