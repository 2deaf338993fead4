import { basename } from 'node:path'
import { filesIn, textOf } from './source-files.js'

const programs = filesIn('examples/cookbook').filter((file) => basename(file) !== 'run.ts')
const pages = new Map(filesIn('docs/cookbook', /\.md$/).map((page) => [page, textOf(page)]))

describe('the cookbook', () => {
  it.each(programs)('shows the whole of %s, which CI runs', (program) => {
    const page = pages.get(`docs/cookbook/${basename(program, '.ts')}.md`) ?? ''
    expect(page).toContain(`\n\`\`\`ts no-run\n${textOf(program)}\`\`\`\n`)
  })

  it.each(programs)('runs %s', (program) => {
    const name = basename(program, '.ts')
    expect(textOf('examples/cookbook/run.ts')).toMatch(new RegExp(`^  ['"]?${name}['"]?: \\{`, 'm'))
  })

  it('lists each of its pages once', () => {
    const index = textOf('docs/cookbook/README.md')
    const listed = [...index.matchAll(/\]\((\w[\w-]*\.md)\)/g)].map(([, page]) => page)
    const others = [...pages.keys()]
      .map((page) => basename(page))
      .filter((page) => page !== 'README.md')
    expect([...listed].sort()).toEqual(others)
  })
})
