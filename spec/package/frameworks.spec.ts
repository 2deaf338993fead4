import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn, ROOT, textOf } from './source-files.js'

/** The part of each example that its page shows as a whole. */
const SHOWN = [
  {
    page: 'docs/frameworks/angular.md',
    file: 'examples/angular/src/posts.ts',
    language: 'typescript',
  },
  {
    page: 'docs/frameworks/angular.md',
    file: 'examples/angular/src/config.ts',
    language: 'typescript',
  },
  { page: 'docs/frameworks/react.md', file: 'examples/react/src/posts.tsx', language: 'tsx' },
] as const

describe('the pages of frameworks', () => {
  it.each(SHOWN)(
    'show the whole of $file, which CI builds and opens',
    ({ page, file, language }) => {
      expect(textOf(page)).toContain(`\n\`\`\`${language}\n${textOf(file)}\`\`\`\n`)
    },
  )

  it.each(SHOWN)('have an example with a lock of its own, beside $file', ({ file }) => {
    const folder = file.split('/').slice(0, 2).join('/')
    const { dependencies, devDependencies } = JSON.parse(textOf(join(folder, 'package.json')))
    expect(existsSync(join(ROOT, folder, 'package-lock.json'))).toBe(true)
    // A release of theirs breaks no change of ours.
    const versions: unknown[] = [dependencies, devDependencies].flatMap(Object.values)
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([])
  })

  it.each(SHOWN)('lead to each other, as $page', ({ page }) => {
    const name = page.split('/').at(-1)
    const others = filesIn('docs/frameworks', /browser\.md$/).map(textOf)
    expect(others.join()).toContain(`(${name})`)
  })
})
