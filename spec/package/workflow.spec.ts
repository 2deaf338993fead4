import { filesIn, textOf } from './source-files.js'

const { scripts, engines } = JSON.parse(textOf('package.json')) as {
  scripts: Readonly<Record<string, string>>
  engines: { node: string }
}
const workflow = textOf('.github/workflows/ci.yml')

describe('the workflow', () => {
  it('runs only scripts that there are', () => {
    const named = [...workflow.matchAll(/npm (?:run )?([\w:]+)/g)].map(([, name = '']) => name)
    const ran = named.filter((name) => !['ci', 'install'].includes(name))
    expect(ran.length).toBeGreaterThan(3)
    expect(ran.filter((name) => !(name in scripts))).toEqual([])
  })

  it('runs the specs on the oldest supported Node, and on every even one since', () => {
    const oldest = Number(/\d+/.exec(engines.node))
    const versions = [...workflow.matchAll(/node:(\d+)-|node: \[([\d, ]+)\]/g)].flatMap(
      ([, one, list]) => (one ?? list ?? '').split(','),
    )
    const majors = [...new Set(versions.map(Number))].sort((a, b) => a - b)
    expect(majors[0]).toBe(oldest)
    expect(majors).toEqual(majors.map((_, index) => oldest + 2 * index))
  })

  it('and its pages name no address that does not exist yet', () => {
    const pages = ['SECURITY.md', ...filesIn('.github', /\.(md|yml)$/)]
    expect(pages.length).toBeGreaterThan(4)
    expect(
      pages.filter((page) =>
        /github\.com\/(?!bluesky-social)|example\.(com|org)|@[\w-]+\.\w{2,}/.test(textOf(page)),
      ),
    ).toEqual([])
    expect(Object.keys(JSON.parse(textOf('package.json')))).not.toEqual(
      expect.arrayContaining(['repository']),
    )
  })
})
