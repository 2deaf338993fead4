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

describe('the pages of the package', () => {
  // These name the specs and the files behind what they say, for those who have the repository.
  const FOR_THE_REPOSITORY = /^docs\/(guarantees|traps|architecture|decisions\/.*)\.md$/
  const { files } = JSON.parse(textOf('package.json')) as { readonly files: readonly string[] }
  const packed = pages.filter((page) => page !== 'CONTRIBUTING.md')

  it('link to what is in the package, but for those about the repository', () => {
    const linked = packed
      .filter((page) => !FOR_THE_REPOSITORY.test(page))
      .flatMap((page) =>
        [...textOf(page).matchAll(/\]\((?!https:|#)([^)\s#]+)/g)].map(([, path = '']) => ({
          page,
          target: join(dirname(page), path),
        })),
      )
    expect(linked.length).toBeGreaterThan(50)
    const missing = linked.filter(({ target }) => !files.includes(target.split('/')[0] ?? ''))
    expect(missing).toEqual([])
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
