const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6})\d*)?Z$/

// What servers write: six digits of a fraction, and some hundred events in each second.
const LENGTH = '2026-08-11T12:49:00.398794Z'.length
const [FRACTION_FROM, FRACTION_TO] = [20, 26]
let second = { text: '????-??-??T??:??:??.', us: Number.NaN }

/** Unix microseconds of an RFC 3339 time in UTC, of which a `Date` would keep the milliseconds. NaN for anything else. */
export function microseconds(time: unknown): number {
  if (typeof time === 'string' && time.length === LENGTH && time.startsWith(second.text)) {
    const fraction = digits(time)
    if (fraction >= 0) return second.us + fraction
  }
  return parsed(String(time))
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
  for (let at = FRACTION_FROM; at < FRACTION_TO; at += 1) {
    const digit = time.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return time.endsWith('Z') ? value : -1
}
