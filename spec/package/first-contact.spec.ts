import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT, textOf } from './source-files.js'

const RUN = join(ROOT, 'scripts/first-contact/run.mjs')

describe('the table of tools on docs/tools.md', () => {
  const rows = execFileSync(process.execPath, [RUN, 'list'], { encoding: 'utf8' })
    .trim()
    .split('\n')
  const [, table = ''] =
    /\| with \| write \| row \|\n.*\n((?:\|.*\n)+)/.exec(textOf('docs/tools.md')) ?? []

  it('has the rows that CI runs, and no other', () => {
    const cells = table
      .trim()
      .split('\n')
      .map((line) => line.split(' | ').at(-1) ?? '')
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name))
    expect(named.length).toBeGreaterThan(15)
    expect(named).toEqual(rows)
  })

  it('is run by CI row by row', () => {
    expect(textOf('.ci/run')).toMatch(/for row in \$\(node scripts\/first-contact\/run.mjs list\)/)
  })

  it('says the lines with which the rows are run', () => {
    const readme = textOf('docs/tools.md').replaceAll('\\|', '|')
    const lines = [
      "transformIgnorePatterns: ['/node_modules/(?!(rxjs-atproto|@atcute|@noble)/)']",
      "import { createRequire as from } from 'node:module'; const require = from(import.meta.url)",
      "externals: { bufferutil: 'commonjs bufferutil', ",
    ]
    for (const line of lines) {
      expect(textOf('scripts/first-contact/rows.mjs')).toContain(line)
      expect(readme).toContain(line)
    }
  })
})
