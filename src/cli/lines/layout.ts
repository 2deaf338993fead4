import { cutTo } from '../width.js'

/** How many columns each part of a line has; 0: it is left out. The text has all others. */
export interface Layout {
  readonly time: TimeStyle | undefined
  /** The operation of a commit, or the kind of an event. Without it `name` tells it. */
  readonly what: number
  readonly name: number
  readonly did: number
}

/** `full`: to the second, or for an older day to the minute. The others are shorter. */
export type TimeStyle = 'full' | 'day' | 'short'

const DAY_MS = 86_400_000
const SHORT_DID = 13
const WHOLE_DID = 32

/** The widest first. */
const LAYOUTS: readonly Layout[] = [
  { time: 'full', what: 8, name: 26, did: SHORT_DID },
  { time: 'full', what: 8, name: 15, did: SHORT_DID },
  { time: 'full', what: 0, name: 15, did: SHORT_DID },
  { time: 'day', what: 0, name: 13, did: SHORT_DID },
  { time: 'short', what: 0, name: 8, did: SHORT_DID },
  { time: 'short', what: 0, name: 8, did: 0 },
]

const NARROWEST: Layout = { time: undefined, what: 0, name: 8, did: 0 }

/** The most that leaves half of the columns for the text. `isOld`: the time is a date. */
export function layoutFor(columns: number, isOld: boolean): Layout {
  const head = Math.floor(columns / 2)
  const layout = LAYOUTS.find((each) => widthOfHead(each, isOld) <= head) ?? NARROWEST
  const did = layout.did + head - widthOfHead(layout, isOld)
  return { ...layout, did: layout.did === 0 ? 0 : Math.min(WHOLE_DID, did) }
}

function widthOfHead({ time, what, name, did }: Layout, isOld: boolean): number {
  const parts = [widthOfTime(time, isOld), what, name, did].filter((part) => part > 0)
  // A space after each.
  return parts.reduce((sum, part) => sum + part + 1, 0)
}

const TIMES = { full: [8, 16], day: [8, 10], short: [5, 5] } as const

const widthOfTime = (time: TimeStyle | undefined, isOld: boolean): number =>
  time === undefined ? 0 : TIMES[time][isOld ? 1 : 0]

/** Whether a time needs its date. */
export const isOlderThanDay = (ms: number, now: number): boolean => Math.abs(now - ms) > DAY_MS

/** The local time: `12:34:56`, `12:34`; the date: `2026-01-31 12:34`, `2026-01-31`, `01-31`. */
export function timeText(ms: number, style: TimeStyle, isOld: boolean): string {
  const at = new Date(ms)
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits)
  if (!isOld) return clock.slice(0, style === 'short' ? 2 : 3).join(':')
  const monthAndDay = [at.getMonth() + 1, at.getDate()].map(twoDigits).join('-')
  if (style === 'short') return monthAndDay
  const day = `${String(at.getFullYear()).padStart(4, '0')}-${monthAndDay}`
  return style === 'day' ? day : `${day} ${clock.slice(0, 2).join(':')}`
}

const twoDigits = (part: number): string => String(part).padStart(2, '0')

/** `did:plc:ab…yz`: the beginning and the end of a text that is too long. */
export function shortened(text: string, columns: number): string {
  if (text.length <= columns) return text
  const end = Math.max(2, Math.floor((columns - 9) / 2))
  return `${cutTo(text, columns - 1 - end)}…${text.slice(-end)}`
}

/** An NSID, or its last two parts, or the last one: what fits. */
export function shortName(nsid: string, columns: number): string {
  const parts = nsid.split('.')
  const names = [nsid, parts.slice(-2).join('.'), parts.at(-1) ?? '']
  return cutTo(names.find((name) => name.length <= columns) ?? names[2] ?? '', columns)
}
