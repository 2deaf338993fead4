const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

// Controls drive a terminal. The others turn the order of a line around, change its shapes, or
// begin a new one: UAX #9 section 2, and the format characters that Unicode deprecates. Absent on
// purpose: U+200C, U+200D and tags, without which words of some languages and some emoji fall
// apart. A server chooses the text.
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u206a-\u206f\ufff9-\ufffb]/gu
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Text of a stranger, on one line and without power over the terminal. */
export const plain = (text: string): string => text.replace(UNSAFE, ' ')

/** JSON stays the same value, and loses its power over the terminal. */
export const terminalJson = (json: string): string => json.replace(UNSAFE, escaped)

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export const count = (value: number): string => grouped.format(value)

/** `events` for any number of them but one. */
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? '' : 's'}`

/** `850 ms`, `4.2 s`, `3 h`. */
export function duration(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`
  const [unit, size] = UNITS.find(([, unitMs]) => Math.round(ms) >= unitMs) ?? UNITS[3]
  const value = ms / size
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}

/** A host's URL, short enough for a line. */
export const shortHost = (url: string): string =>
  plain(url).replace(/\/(subscribe|xrpc\/[\w.]+)$/, '')
