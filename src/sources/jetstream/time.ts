const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6})\d*)?Z$/

// What servers write: six digits of a fraction, and some hundred events in each second.
const LENGTH = '2026-08-11T12:49:00.398794Z'.length
const [FRACTION_FROM, FRACTION_TO] = [20, 26]
const [ZERO, NINE, Z] = [0x30, 0x39, 0x5a]
let second = { text: '????-??-??T??:??:??.', us: Number.NaN }

/**
 * Unix microseconds of an RFC 3339 time in UTC, of which a `Date` would keep the milliseconds. NaN
 * for anything else.
 */
export function microseconds(time: unknown): number {
  if (typeof time === 'string' && time.length === LENGTH && time.startsWith(second.text)) {
    const fraction = digits(time)
    if (fraction >= 0) return second.us + fraction
  }
  return parsed(String(time))
}

/** The same of text whose characters are these bytes. */
export function microsecondsAt(bytes: Uint8Array, from: number, to: number): number {
  if (to - from === LENGTH && bytes[to - 1] === Z && isInSecond(bytes, from)) {
    let fraction = 0
    let at = from + FRACTION_FROM
    for (; isDigit(bytes[at] as number); at += 1)
      fraction = fraction * 10 + (bytes[at] as number) - ZERO
    if (at === to - 1) return second.us + fraction
  }
  return parsed(String.fromCharCode(...bytes.subarray(from, to)))
}

function isInSecond(bytes: Uint8Array, from: number): boolean {
  for (let at = 0; at < FRACTION_FROM; at += 1)
    if (bytes[from + at] !== second.text.charCodeAt(at)) return false
  return true
}

function parsed(time: string): number {
  const [, seconds, fraction = ''] = TIME.exec(time) ?? []
  if (seconds === undefined) return Number.NaN
  second = { text: `${seconds}.`, us: Date.parse(`${seconds}Z`) * 1000 }
  return second.us + Number(fraction.padEnd(6, '0'))
}

/** The fraction as a number, -1 where it is none. */
function digits(time: string): number {
  let value = 0
  let at = FRACTION_FROM
  for (; isDigit(time.charCodeAt(at)); at += 1) value = value * 10 + time.charCodeAt(at) - ZERO
  return at === FRACTION_TO && time.charCodeAt(at) === Z ? value : -1
}

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE
