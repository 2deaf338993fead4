import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { filesIn, ROOT, textOf } from './source-files.js'

const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...filesIn('docs', /\.md$/)]

/** As GitHub makes it: lower case, without punctuation, spaces to hyphens. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

const anchorsOf = (page: string): readonly string[] =>
  [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

describe('links', () => {
  const links = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({ page, link })),
  )
  const inside = links.filter(({ link }) => !link.startsWith('https://'))

  it('are found', () => {
    expect(inside.length).toBeGreaterThan(20)
  })

  it('lead to files and headings that exist', () => {
    const broken = inside.filter(({ page, link }) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      return (
        !existsSync(join(ROOT, target)) ||
        (anchor !== undefined && !anchorsOf(target).includes(anchor))
      )
    })
    expect(broken.map(({ page, link }) => `${page}: ${link}`)).toEqual([])
  })
})

describe('docs/semantics.md', () => {
  const page = textOf('docs/semantics.md')

  it('lists every reason of a gap, and no other', () => {
    const declared = [
      ...(/type GapReason =(.*?)\n\n/s.exec(textOf('src/delivery/gaps.ts'))?.[1] ?? '').matchAll(
        /\| '([\w-]+)'/g,
      ),
    ]
    const rows = [
      ...(page.split('## Gaps')[1]?.split('## ')[0] ?? '').matchAll(/^\| `([\w-]+)` \|/gm),
    ]
    expect(rows.map(([, reason]) => reason).sort()).toEqual(
      declared.map(([, reason]) => reason).sort(),
    )
  })
})

describe('the commands of the pages', () => {
  it('use flags that exist', () => {
    const commands = [
      ...pages
        .map(textOf)
        .join('\n')
        .matchAll(/(?:npx rxjs-atproto|npm start --) [^`\n#|>]*/g),
    ].join(' ')
    const declared = filesIn('src/cli').map(textOf).join('\n')
    const flags = new Set(commands.match(/--[a-z][\w-]*/g))
    expect(flags.size).toBeGreaterThan(5)
    expect([...flags].filter((flag) => !declared.includes(`'${flag}`))).toEqual([])
  })
})
