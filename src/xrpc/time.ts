// RFC 3339, of which atproto takes this much: https://atproto.com/specs/lexicon#datetime.
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3}(\d{0,3})\d*)?(?:Z|[+-]\d{2}:\d{2})$/

/** Unix microseconds of a datetime, of which a `Date` would keep the milliseconds; 0 for what is none. */
export function timeUs(time: unknown): number {
  const match = typeof time === 'string' ? TIME.exec(time) : null
  if (match === null) return 0
  const ms = Date.parse(match[0])
  return Number.isNaN(ms) ? 0 : ms * 1000 + Number((match[1] ?? '').padEnd(3, '0'))
}
