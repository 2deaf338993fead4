import { InvalidArgumentError } from 'commander'

/** The position that a cursor file keeps, as the sources write it. */
export type StoredPosition =
  | {
      readonly of: 'event'
      readonly host: string
      readonly position: number
      /** 0 if it is not known. */
      readonly time_us: number
      /** The filter of a stream with a name. */
      readonly filter?: unknown
    }
  | { readonly of: 'page'; readonly pages: number; readonly cursor: string | undefined }
  /** The text of a `positionFormat`. */
  | { readonly of: 'text'; readonly text: string }

// Below it is a sequence number: the servers' own rule.
const FIRST_TIME = 1e15
// Dates end here.
const LAST_TIME = 8.64e18
// Milliseconds begin here, which no stream takes.
const MOST_SEQ = 1e12

/** Reads the text of a position. */
export function readPosition(text: string): StoredPosition {
  const value = jsonOf(text)
  if (typeof value !== 'object' || value === null) return { of: 'text', text }
  const { host, position, time_us, filter, pages, cursor, completed } = value as Readonly<
    Record<string, unknown>
  >
  if (typeof host === 'string' && isWhole(position) && isWhole(time_us))
    return { of: 'event', host, position, time_us, ...(filter !== undefined && { filter }) }
  if (typeof cursor === 'string' || completed === true) {
    const next = typeof cursor === 'string' ? cursor : undefined
    return { of: 'page', pages: isWhole(pages) ? pages : 0, cursor: next }
  }
  return { of: 'text', text }
}

/** The event of a position was at this time, in milliseconds, if that is known. */
export function timeOf(position: StoredPosition): number | undefined {
  if (position.of !== 'event') return undefined
  const us = position.time_us || (position.position >= FIRST_TIME ? position.position : 0)
  return us === 0 ? undefined : us / 1000
}

/** A position for a person: a time as an ISO date, a sequence number as it is. */
export const positionText = (position: number): string =>
  position >= FIRST_TIME && position <= LAST_TIME
    ? new Date(position / 1000).toISOString()
    : String(position)

/** Whether the stream can start at a time: a Jetstream can. */
export const takesTimes = (key: string): boolean => /^jetstream[ /]/.test(key)

/**
 * The text of a position that was typed, for the stream of `held`: its number, or for a page and a
 * text of a format of your own the text itself.
 */
export function setPosition(typed: string, held: StoredPosition): string {
  if (held.of === 'text') return typed
  if (held.of === 'page') {
    if (readPosition(typed).of === 'page') return typed
    throw new InvalidArgumentError('Write {"pages":0,"cursor":"…"}: the stream lists pages.')
  }
  const position = /^\d+$/.test(typed) ? Number(typed) : Number.NaN
  if (!Number.isSafeInteger(position))
    throw new InvalidArgumentError('Write the number of a position.')
  if (position >= FIRST_TIME) return atTime(position, held)
  if (position > MOST_SEQ)
    throw new InvalidArgumentError('It looks like milliseconds; see cursor from-time.')
  return written({ ...held, position, time_us: 0 })
}

/**
 * The text of a position at a time. It names no host, so a stream asks for it as after a failover:
 * by its time, from some seconds before.
 */
export const atTime = (
  time_us: number,
  held: Extract<StoredPosition, { readonly of: 'event' }>,
): string => written({ ...held, host: '', position: time_us, time_us })

const written = ({
  host,
  position,
  time_us,
  filter,
}: Extract<StoredPosition, { readonly of: 'event' }>): string =>
  JSON.stringify({ host, position, time_us, ...(filter !== undefined && { filter }) })

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value)

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
