import { dirname, join } from 'node:path'
import { filesIn, textOf } from './source-files.js'

const PAGE = 'docs/traps.md'
const traps = [
  ...textOf(PAGE).matchAll(/^\*\*(.+?)\.\*\*\s(.*?)\nSpec:\s(.*?)(?=\n\n|\n$)/gms),
].map(([, name = '', text = '', specs = '']) => ({
  name: name.replaceAll(/\s+/g, ' '),
  text,
  specs: [...specs.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, title = '', path = '']) => ({
    title,
    file: join(dirname(PAGE), path),
  })),
}))

// Short titles, where a second link is the same trap in another place.
const ELSEWHERE = /^(the same|of an?|on) /

describe('docs/traps.md', () => {
  it('names each trap, says what goes wrong, and has a spec for it', () => {
    expect(traps.length).toBeGreaterThan(30)
    expect(traps.length).toBe([...textOf(PAGE).matchAll(/^\*\*/gm)].length)
    expect(new Set(traps.map(({ name }) => name)).size).toBe(traps.length)
    for (const { name, text, specs } of traps)
      expect([name, text.length > 40, specs.length > 0]).toEqual([name, true, true])
  })

  it('links to specs by their titles', () => {
    const links = traps.flatMap(({ specs }) => specs).filter(({ title }) => !ELSEWHERE.test(title))
    expect(
      links
        .filter(({ title, file }) => !textOf(file).includes(title))
        .map(({ title, file }) => `${title}: ${file}`),
    ).toEqual([])
  })

  it('has every trap that a spec is about', () => {
    const pages = textOf(PAGE).toLowerCase()
    const files = [
      'spec/operators/traps.spec.ts',
      ...filesIn(
        'spec/traps',
        /^(connections|positions|tap-acks|tap-frames|tap-attempts)\.spec\.ts$/,
      ),
    ]
    const titles = files.flatMap((file) =>
      [...textOf(file).matchAll(/^describe\('([^']+)', /gm)].map(([, title = '']) => title),
    )
    const known = (title: string) =>
      pages.includes(title.replace(/, on wire v2$|: .*$|, and .*$/, '').toLowerCase())
    expect(titles.length).toBeGreaterThan(20)
    expect(titles.filter((title) => !known(title))).toEqual([])
  })
})

describe('specs', () => {
  it('cite traps by their names, and by no number', () => {
    const own = 'spec/package/traps-page.spec.ts'
    const files = [...filesIn('spec'), ...filesIn('src'), ...filesIn('docs', /\.md$/)].filter(
      (file) => file !== own,
    )
    const numbered = files.filter((file) =>
      /\b[Tt]raps? \d|\((?:F|C|B)\d+\)|\bfault [A-Z]\d/.test(textOf(file)),
    )
    expect(numbered).toEqual([])
  })
})
