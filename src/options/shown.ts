/** A value, short enough for a message, without the password of a URL. */
export function shown(value: unknown): string {
  const text = withoutPasswords(textFor(value))
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function textFor(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  // JSON has no NaN and no Infinity.
  if (typeof value === 'number') return String(value)
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

// Longer than any URL with a password. The search below takes time in the square of the slashes.
const MAX_SEARCHED = 1000

function withoutPasswords(text: string): string {
  const hidden = text.slice(0, MAX_SEARCHED).replace(/\/\/[^\s"]*@/g, '//…@')
  // The `@` of the last URL may be in what was cut off.
  return text.length > MAX_SEARCHED ? hidden.replace(/\/\/(?!…@)[^\s"]*$/, '//…') : hidden
}
