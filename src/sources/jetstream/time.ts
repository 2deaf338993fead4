const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6})\d*)?Z$/

/** Unix microseconds of an RFC 3339 time in UTC, of which a `Date` would keep the milliseconds. NaN for anything else. */
export function microseconds(time: unknown): number {
  const [, seconds, fraction = ''] = TIME.exec(String(time)) ?? []
  return seconds === undefined ? Number.NaN : Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'))
}
