import type { JetstreamLog } from './log.js'
import { infoFrame } from './translate.js'

/** Cursors below this are v2 sequence numbers; the others are microseconds. */
const FIRST_TIME = 1_000_000_000_000_000n
const INT64 = 2n ** 63n

/** Parses the cursor of a query: absent, a number, or the body of the refusal. */
export function parseCursor(
  text: string | null,
  server: 'legacy' | 'v2',
): { readonly cursor?: bigint; readonly refusal?: string } {
  if (text === null || text === '') return {}
  const cursor = /^[+-]?\d+$/.test(text) ? BigInt(text) : INT64
  const inRange = cursor < INT64 && cursor >= -INT64
  if (server === 'legacy') return inRange ? { cursor } : { refusal: `invalid cursor: ${text}` }
  if (!inRange) return { refusal: `subscribe: invalid cursor: "${text}"\n` }
  return cursor < 0n
    ? { refusal: `subscribe: invalid cursor: negative value ${cursor}\n` }
    : { cursor }
}

/** The position where a reader begins; `undefined` is the live tail. */
export function indexOfCursor(
  cursor: bigint,
  log: JetstreamLog,
  unsealedEvents: number,
): number | undefined {
  return log.options.server === 'legacy'
    ? legacyPosition(cursor, log)
    : v2Position(cursor, log, unsealedEvents)
}

/**
 * Where a reader of wire v2 begins, and the notice before its first event. `tooOld` is the message
 * of a refusal.
 */
export interface EventsStart {
  readonly position?: number | undefined
  readonly greeting?: string
  readonly tooOld?: string
}

/**
 * Wire v2 refuses a sequence number that is gone, and clamps a time that is too old. The client
 * learns of both.
 */
export function eventsStartOf(
  cursor: bigint,
  log: JetstreamLog,
  options: { unsealedEvents: number; tellsFuture: boolean },
): EventsStart {
  const isTime = cursor >= FIRST_TIME
  const first = log.at(log.oldest)
  if (!isTime && log.oldest > 0 && first !== undefined && cursor < first.seq) {
    return {
      tooOld:
        `subscribe: cursor too old: cursor ${cursor} below lookback floor ${first.seq}; ` +
        're-backfill from your last seq',
    }
  }
  const position = v2Position(cursor, log, options.unsealedEvents)
  if (position === undefined)
    return options.tellsFuture
      ? { greeting: infoFrame('FutureCursor', `requested cursor is past the tip; starting live`) }
      : {}
  // Sent also if nothing was lost: the server does not know what was before its oldest event.
  if (!isTime || first === undefined || cursor > first.timeUs) return { position }
  const message = `requested timestamp cursor below retention floor; starting at seq ${first.seq}`
  return { position, greeting: infoFrame('OutdatedCursor', message) }
}

/**
 * The legacy server compares decimal strings with keys that begin `<time_us>_`. If it finds no row
 * it starts at the oldest: a cursor between the newest row and now, or a v2 sequence number,
 * replays everything it has.
 */
function legacyPosition(cursor: bigint, log: JetstreamLog): number | undefined {
  if (cursor > nowUs(log)) return undefined
  const text = String(cursor)
  return log.find((row) => `${row.timeUs}_` >= text) ?? log.oldest
}

function v2Position(cursor: bigint, log: JetstreamLog, unsealedEvents: number): number | undefined {
  const wanted = Number(cursor)
  if (cursor < FIRST_TIME) return log.find((row) => row.seq >= wanted)
  const found = log.find((row) => row.timeUs >= wanted)
  // For a time in the unsealed part of the log, the server sends the whole part.
  return found === undefined
    ? undefined
    : Math.max(log.oldest, Math.min(found, log.end - unsealedEvents))
}

/**
 * A recording may be ahead of this machine's clock: its newest event is never in the future.
 */
function nowUs(log: JetstreamLog): bigint {
  return BigInt(Math.max(Date.now() * 1000, log.newest?.timeUs ?? 0))
}
