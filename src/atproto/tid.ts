const DIGITS = '234567abcdefghijklmnopqrstuvwxyz'

/** The unix microseconds in a TID (https://atproto.com/specs/tid), or 0 if it is no TID. */
export function tidTimeUs(tid: string): number {
  if (tid.length !== 13) return 0
  let time = 0
  // 53 bits of time in the first eleven digits; the last two name the clock.
  for (let i = 0; i < 11; i += 1) {
    const digit = DIGITS.indexOf(tid.charAt(i))
    if (digit < 0) return 0
    time = time * 32 + digit
  }
  return time
}
