import { widthOf } from './width.js'

/** How wide text is on a terminal, and whether it may have escape sequences. */
export interface TextStyle {
  readonly columns: number
  readonly ansi: boolean
}

const INDENT = '  '

/**
 * Markdown of our pages as text for a terminal: paragraphs and lists in the width, code as it is,
 * links as their text, and what is bold in bold.
 */
export function renderMarkdown(markdown: string, style: TextStyle): string {
  const blocks = markdown.split(/\n{2,}/)
  return blocks.map((block) => rendered(block, style)).join('\n\n')
}

function rendered(block: string, style: TextStyle): string {
  if (block.startsWith('```'))
    return block.replace(/^```.*\n|\n```$/g, '').replaceAll(/^(?=.)/gm, INDENT)
  return block
    .split(/\n(?=- )/)
    .map((item) => wrapped(item.replaceAll(/\s+/g, ' '), style))
    .join('\n')
}

function wrapped(text: string, { columns, ansi }: TextStyle): string {
  const hanging = text.startsWith('- ') ? INDENT : ''
  const lines = wrapText(plainText(text), columns, hanging)
  return lines.map((line) => painted(line, ansi)).join('\n')
}

/** Breaks text between words. Lines after the first begin with `hanging`. */
export function wrapText(text: string, columns: number, hanging = ''): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const next = line === '' ? word : `${line} ${word}`
    if (line !== '' && widthOf(shown(next)) > columns) {
      lines.push(line)
      line = `${hanging}${word}`
    } else line = next
  }
  return [...lines, line]
}

/** Without links and code; bold stays. */
export const plainText = (text: string): string =>
  text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', '')

const BOLD = /\*\*(.+?)\*\*/g

const shown = (text: string): string => text.replaceAll('**', '')

const painted = (text: string, ansi: boolean): string =>
  shown(ansi ? text.replaceAll(BOLD, '\u001b[1m$1\u001b[22m') : text)
