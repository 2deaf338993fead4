import { InvalidArgumentError } from 'commander'
import type { CursorStart, JetstreamConfig } from '../index.js'

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const KINDS = ['commit', 'identity', 'account', 'sync'] as const

type Kind = NonNullable<JetstreamConfig['kinds']>[number]

/** Reads `500ms`, `10s`, `5m`, `1h`, `2d` or `1h30m`; returns milliseconds. */
export function parseDuration(text: string): number {
  const ms = durationOf(text)
  if (ms === undefined)
    throw new InvalidArgumentError('Write a duration such as 10s, 5m, 1h or 1h30m.')
  return ms
}

// A longer timer would fire at once.
const LONGEST_WAIT_MS = 2 ** 31 - 1

/** A duration that a timer supports, including 0. */
export function parseDelay(text: string): number {
  const ms = parseDuration(text)
  if (ms > LONGEST_WAIT_MS) throw new InvalidArgumentError('Write a duration up to 24d.')
  return ms
}

/** A whole number above 0. */
export function parseCount(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0
  if (value < 1 || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('Write a whole number above 0.')
  return value
}

/** A whole number from 0. */
export const parseWhole = (text: string): number => (/^0+$/.test(text) ? 0 : parseCount(text))

/** Adds a comma-separated list to the values of earlier flags of this name. */
export function parseList(text: string, earlier: readonly string[] = []): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.includes('')) throw new InvalidArgumentError('Write names separated by commas.')
  return [...earlier, ...entries]
}

/** A text that is not empty. */
export function parseName(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Write a name that is not empty.')
  return text
}

/** A flag that may be given only once: a second value would silently replace the first. */
export function once(text: string, earlier?: string): string {
  if (earlier !== undefined)
    throw new InvalidArgumentError(`It is ${JSON.stringify(earlier)} already; give it only once.`)
  return text
}

/** A flag that may be repeated. */
export const collect = (text: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  text,
]

export function parseKinds(text: string, earlier: readonly Kind[] = []): readonly Kind[] {
  return [...earlier, ...parseList(text).map(kindOf)]
}

/** Where to start: `live`, `oldest`, a position, an ISO date, or a duration back. */
export function parseCursor(text: string): CursorStart {
  if (text === 'live' || text === 'oldest') return text
  if (/^\d+$/.test(text)) return Number(text)
  const ago = durationOf(text)
  if (ago !== undefined) return { ago }
  const date = dateOf(text)
  if (date !== undefined) return date
  throw new InvalidArgumentError(
    'Write live, oldest, a position, an ISO date, or a duration back such as 10m.',
  )
}

/** A time that is over: an ISO date, or a duration back. */
export function parsePast(text: string): Date {
  const ago = durationOf(text)
  const date = ago === undefined ? dateOf(text) : new Date(Date.now() - ago)
  if (date === undefined || date.getTime() < 0)
    throw new InvalidArgumentError('Write an ISO date, or a duration back such as 10m.')
  if (date.getTime() > Date.now()) throw new InvalidArgumentError('The time is in the future.')
  return date
}

/** Where a stream with sequence numbers starts. */
export type SeqStart = 'oldest' | 'live' | number

/** Where to start: `live`, `oldest`, or a sequence number. */
export function parseSeqStart(text: string): SeqStart {
  if (text === 'live' || text === 'oldest') return text
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Write oldest, live, or a seq.')
  return parseWhole(text)
}

function kindOf(text: string): Kind {
  const kind = KINDS.find((known) => known === text)
  if (kind === undefined) throw new InvalidArgumentError(`Write some of ${KINDS.join(', ')}.`)
  return kind
}

function dateOf(text: string): Date | undefined {
  const date = new Date(text)
  return /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date.getTime()) ? date : undefined
}

function durationOf(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)
  return [...parts].reduce(
    (total, [, value, unit]) => total + Number(value) * (UNIT_MS[unit ?? ''] ?? 0),
    0,
  )
}
