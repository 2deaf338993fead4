import { filesIn, textOf } from './source-files.js'

const COLUMNS = 100

const TEXT = /\.(ts|mjs|cjs|md|yml|jsonc|wat)$|^\.ci\/run$/
/** Recorded, or written by a program. */
const NOT_BY_HAND = /^spec\/fixtures\/|^api\/|scanner-wasm\.ts$/

/** A row of a table and a link cannot be broken over two lines. */
const isUnbreakable = (line: string, file: string): boolean =>
  /https?:\/\/\S{60,}/.test(line) ||
  (file.endsWith('.md') && /^\s*\||\]\(\S+\)|https?:\/\//.test(line))

function longLinesOf(file: string): readonly string[] {
  return textOf(file)
    .split('\n')
    .flatMap((line, index) =>
      // Code points, so that an emoji is one.
      [...line].length > COLUMNS && !isUnbreakable(line, file) ? [`${file}:${index + 1}`] : [],
    )
}

describe('lines', () => {
  const folders = ['src', 'spec', 'bench', 'soak', 'examples', 'scripts', 'docs', '.ci', '.github']
  const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'biome.jsonc']
  const files = [...folders.flatMap((folder) => filesIn(folder, /./)), ...pages].filter(
    (file) => TEXT.test(file) && !NOT_BY_HAND.test(file),
  )

  it('are looked at', () => {
    expect(files.length).toBeGreaterThan(500)
    expect(files).toContain('src/live/live.ts')
    expect(files).toContain('README.md')
  })

  it(`have at most ${COLUMNS} columns, tables and links apart`, () => {
    expect(files.flatMap(longLinesOf)).toEqual([])
  })
})
