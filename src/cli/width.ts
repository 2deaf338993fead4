// Characters that take two columns: East Asian Wide and Fullwidth (UAX #11), and emoji.
const WIDE = new RegExp(
  [
    '[\\p{Emoji_Presentation}\\u1100-\\u115f\\u2329\\u232a\\u2e80-\\u303e\\u3041-\\ua4cf',
    '\\ua960-\\ua97c\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe10-\\ufe19\\ufe30-\\ufe6b\\uff01-\\uff60',
    '\\uffe0-\\uffe6\\u{16fe0}-\\u{18cff}\\u{1aff0}-\\u{1b2fb}\\u{1d300}-\\u{1d376}',
    '\\u{1f200}-\\u{1f265}\\u{20000}-\\u{3fffd}]',
  ].join(''),
  'u',
)

// Characters that change the one before them, and joiners.
const NONE = /[\p{Mn}\p{Me}\u200b-\u200d\u2060\ufeff\u{e0001}-\u{e007f}]/u

// It makes an emoji of the character before it, which some terminals then show in two columns.
const EMOJI_STYLE = '\ufe0f'

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/

/**
 * How many columns a text takes on a terminal. Terminals disagree on joined emoji: this is the most
 * that one of them takes, so that a line that fits does not wrap.
 */
export function widthOf(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += widthOfCharacter(character)
  return columns
}

function widthOfCharacter(character: string): number {
  if (character === EMOJI_STYLE) return 1
  if (NONE.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

/** The beginning of a text, as far as it fits. */
export function cutTo(text: string, columns: number): string {
  if (text.length <= columns && PRINTABLE_ASCII.test(text)) return text
  let left = columns
  let end = 0
  for (const character of text) {
    left -= widthOfCharacter(character)
    if (left < 0) break
    end += character.length
  }
  return text.slice(0, end)
}

/** A text of just as many columns: cut, or with spaces after it. */
export function padTo(text: string, columns: number): string {
  const cut = cutTo(text, columns)
  return cut + ' '.repeat(columns - widthOf(cut))
}
