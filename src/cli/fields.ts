import { plain } from './text.js'

/** A label and what stands beside it. */
export type Field = readonly [label: string, value: string]

const GAP = 2
// A key names every DID of a filter.
const MOST_LINES = 6

/** Fields as text: values in one column, broken between words to fit the width. */
export function fieldLines(fields: readonly Field[], columns: number): readonly string[] {
  const width = Math.max(...fields.map(([label]) => label.length)) + GAP
  return fields.flatMap(([label, value]) =>
    brokenLines(plain(value), Math.max(10, columns - width)).map(
      (line, index) => `${(index === 0 ? label : '').padEnd(width)}${line}`,
    ),
  )
}

function brokenLines(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  const cut = lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
  return cut.length > MOST_LINES ? [...cut.slice(0, MOST_LINES - 1), '…'] : cut
}
