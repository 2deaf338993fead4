const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

// A server chooses the text. Control characters drive a terminal; the others reverse the order of a
// line, change its shapes or start a new line: UAX #9 section 2, and the format characters that
// Unicode deprecates. Absent on purpose: U+200C, U+200D and tags, which words of some languages and
// some emoji need.
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u206a-\u206f\ufff9-\ufffb]/gu
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Makes untrusted text one line without effect on the terminal. */
export const plain = (text: string): string => text.replace(UNSAFE, ' ')

/** Escapes JSON so that it has no effect on the terminal; its value stays the same. */
export const terminalJson = (json: string): string => json.replace(UNSAFE, escaped)

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export const count = (value: number): string => grouped.format(value)

/** `1 event`, `2 events`. */
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? '' : 's'}`

/** `850 ms`, `4.2 s`, `3 h`. */
export function duration(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`
  const [unit, size] = UNITS.find(([, unitMs]) => Math.round(ms) >= unitMs) ?? UNITS[3]
  const value = ms / size
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}

/** A host's URL without the path of the endpoint. */
export const shortHost = (url: string): string =>
  plain(url).replace(/\/(subscribe|xrpc\/[\w.]+)?$/, '')
