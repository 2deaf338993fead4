// RFC 3339, of which atproto takes this much: https://atproto.com/specs/lexicon#datetime.
const TIME = /^(\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):\d{2}:)(\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/

// Servers write UTC, and hundreds of times in a row are of one minute: it is parsed once.
const MINUTE_LENGTH = '2026-08-11T12:49:'.length
const FRACTION_AT = MINUTE_LENGTH + 2
const [ZERO, NINE, DOT, Z] = [0x30, 0x39, 0x2e, 0x5a]
let minute = { text: '????-??-??T??:??:', us: Number.NaN }

/**
 * Returns the unix microseconds of a datetime, of which a `Date` would keep the milliseconds; 0 for
 * anything else.
 */
export function timeUs(time: unknown): number {
  if (typeof time !== 'string') return 0
  if (!time.startsWith(minute.text)) return parsed(time)
  const us = minute.us + sinceMinute(time)
  return Number.isNaN(us) ? parsed(time) : us
}

/** The same of a text whose characters are the bytes from `from` to `to`. */
export function timeUsAt(bytes: Uint8Array, from: number, to: number): number {
  const us = isInMinute(bytes, from) ? minute.us + sinceMinuteAt(bytes, from, to) : Number.NaN
  return Number.isNaN(us) ? parsed(String.fromCharCode(...bytes.subarray(from, to))) : us
}

/**
 * The microseconds in `SS.fffZ`, after the minute; NaN if it is written in another form. Digits
 * after the sixth are ignored.
 */
function sinceMinute(time: string): number {
  const seconds = secondsOf(time.charCodeAt(MINUTE_LENGTH), time.charCodeAt(MINUTE_LENGTH + 1))
  let at = FRACTION_AT
  let code = time.charCodeAt(at)
  let fraction = 0
  let scale = 1_000_000
  if (code === DOT) {
    for (code = time.charCodeAt(++at); isDigit(code); code = time.charCodeAt(++at)) {
      if (scale === 1) continue
      fraction = fraction * 10 + code - ZERO
      scale /= 10
    }
    if (at === FRACTION_AT + 1) return Number.NaN
  }
  return code === Z && at + 1 === time.length ? seconds + fraction * scale : Number.NaN
}

/** {@link sinceMinute} without making a string, which would cost as much as the rest. */
function sinceMinuteAt(bytes: Uint8Array, from: number, to: number): number {
  const start = from + MINUTE_LENGTH
  const seconds = secondsOf(bytes[start] as number, bytes[start + 1] as number)
  let at = from + FRACTION_AT
  let code = bytes[at] as number
  let fraction = 0
  let scale = 1_000_000
  if (code === DOT) {
    for (code = bytes[++at] as number; isDigit(code) && at < to; code = bytes[++at] as number) {
      if (scale === 1) continue
      fraction = fraction * 10 + code - ZERO
      scale /= 10
    }
    if (at === from + FRACTION_AT + 1) return Number.NaN
  }
  return code === Z && at + 1 === to ? seconds + fraction * scale : Number.NaN
}

function isInMinute(bytes: Uint8Array, from: number): boolean {
  for (let at = 0; at < MINUTE_LENGTH; at += 1)
    if (bytes[from + at] !== minute.text.charCodeAt(at)) return false
  return true
}

/** Two digits as microseconds; NaN for what is no second of a minute. */
function secondsOf(tens: number, ones: number): number {
  const isSecond = tens >= ZERO && tens < ZERO + 6 && isDigit(ones)
  return isSecond ? ((tens - ZERO) * 10 + ones - ZERO) * 1_000_000 : Number.NaN
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
