import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plainText } from './markdown.js'

/** Where the package explains the codes of its errors: of the library, and of the command line. */
const PAGES = ['docs/errors.md', 'docs/command-line.md']

const HEADING = /^#{2,3} ([A-Z][A-Z_]+)$/

/** What the pages say of each code, in their order. */
export const explanations = (): ReadonlyMap<string, string> =>
  new Map(PAGES.flatMap((page) => sectionsOf(readFileSync(join(root(), page), 'utf8'))))

/** The sections of a page whose heading is a code, without the heading. */
export function sectionsOf(markdown: string): readonly (readonly [code: string, text: string])[] {
  const sections: [string, string][] = []
  let isOfCode = false
  for (const line of markdown.split('\n')) {
    const [, code] = HEADING.exec(line) ?? []
    if (line.startsWith('#')) isOfCode = code !== undefined
    if (code !== undefined) sections.push([code, ''])
    const last = sections.at(-1)
    if (isOfCode && code === undefined && last !== undefined) last[1] += `${line}\n`
  }
  return sections.map(([code, text]) => [code, text.trim()])
}

/** The first sentence of what a code means. */
export function meaningOf(section: string): string {
  const [, meaning = section] = /\*\*What it means\.\*\*\s+(.*)/s.exec(section) ?? []
  const [first = ''] = meaning.split(/(?<=\.)\s/, 1)
  return plainText(first.replaceAll(/\s+/g, ' '))
}

/** The folder of this package: this file may be in `dist`, or in a bundle beside it. */
function root(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!PAGES.every((page) => existsSync(join(folder, page)))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error(`${PAGES[0]} is missing: install the package again`)
    folder = parent
  }
  return folder
}
