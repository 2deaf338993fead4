import { firstValueFrom, from, of, timeout } from 'rxjs'
import { type TextStyle, wrapText } from '../markdown.js'
import { plain } from '../text.js'

/** What a check has found. */
export interface Finding {
  readonly name: string
  /** `'note'`: neither well nor wrong, such as a proxy that is not there. */
  readonly state: 'well' | 'wrong' | 'note'
  readonly text: string
  /** What to do about it. */
  readonly remedy?: string | undefined
}

export const well = (name: string, text: string): Finding => ({ name, state: 'well', text })

export const note = (name: string, text: string): Finding => ({ name, state: 'note', text })

export const wrong = (name: string, text: string, remedy: string): Finding => ({
  name,
  state: 'wrong',
  text,
  remedy,
})

/** The finding of a check, or `late` if it takes longer. */
export const within = (ms: number, check: Promise<Finding>, late: Finding): Promise<Finding> =>
  firstValueFrom(from(check).pipe(timeout({ first: ms, with: () => of(late) })))

const MARKS = { well: '✓', wrong: '✗', note: '–' }
const COLORS = { well: 32, wrong: 31, note: 2 }
const NAME_WIDTH = 13
const INDENT = ' '.repeat(NAME_WIDTH + 4)

/** A finding as lines: its mark, name and text, and the remedy below it. */
export function findingLines(
  { name, state, text, remedy }: Finding,
  { columns, ansi }: TextStyle,
): readonly string[] {
  const width = Math.max(20, columns - INDENT.length)
  const [first = '', ...more] = wrapText(plain(text), width)
  const mark = ansi ? `\u001b[${COLORS[state]}m${MARKS[state]}\u001b[0m` : MARKS[state]
  return [
    `  ${mark} ${name.padEnd(NAME_WIDTH)}${first}`,
    ...[...more, ...remedyLines(remedy, width)].map((line) => `${INDENT}${line}`),
  ]
}

const remedyLines = (remedy: string | undefined, width: number): readonly string[] =>
  remedy === undefined
    ? []
    : wrapText(plain(remedy), width - 2).map((line, index) => `${index === 0 ? '→' : ' '} ${line}`)
