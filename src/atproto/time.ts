// RFC 3339, of which atproto takes this much: https://atproto.com/specs/lexicon#datetime.
const TIME = /^(\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):\d{2}:)(\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/

// What servers write is in UTC, and hundreds in a row are of one minute.
const MINUTE_LENGTH = '2026-08-11T12:49:'.length
const [ZERO, NINE, DOT, Z] = [0x30, 0x39, 0x2e, 0x5a]
let minute = { text: '????-??-??T??:??:', us: Number.NaN }

/**
 * Unix microseconds of a datetime, of which a `Date` would keep the milliseconds; 0 for what is
 * none.
 */
export function timeUs(time: unknown): number {
  if (typeof time !== 'string') return 0
  if (!time.startsWith(minute.text)) return parsed(time)
  const us = minute.us + sinceMinute(time)
  return Number.isNaN(us) ? parsed(time) : us
}

/** Microseconds of what stands behind the minute, `SS.fffZ`; NaN where it is another form. */
function sinceMinute(time: string): number {
  const tens = time.charCodeAt(MINUTE_LENGTH) - ZERO
  const ones = time.charCodeAt(MINUTE_LENGTH + 1) - ZERO
  if (!(tens >= 0 && tens < 6 && ones >= 0 && ones <= 9)) return Number.NaN
  let us = (tens * 10 + ones) * 1_000_000
  let at = MINUTE_LENGTH + 2
  if (time.charCodeAt(at) === DOT && isDigit(time.charCodeAt(at + 1))) {
    at += 1
    // Digits behind the sixth are passed over.
    for (let unit = 100_000; isDigit(time.charCodeAt(at)); at += 1, unit = Math.floor(unit / 10))
      us += (time.charCodeAt(at) - ZERO) * unit
  }
  return time.charCodeAt(at) === Z && at + 1 === time.length ? us : Number.NaN
}

function parsed(time: string): number {
  const [, text = '', seconds = '', fraction = '', zone = ''] = TIME.exec(time) ?? []
  // Without the fraction, which V8 misreads from ten digits on.
  const us = Date.parse(text + seconds + zone) * 1000
  if (Number.isNaN(us)) return 0
  if (zone === 'Z') minute = { text, us: us - Number(seconds) * 1_000_000 }
  return us + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE
