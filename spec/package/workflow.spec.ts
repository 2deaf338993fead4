import { filesIn, importsOf, textOf } from './source-files.js'

const { scripts, engines } = JSON.parse(textOf('package.json')) as {
  scripts: Readonly<Record<string, string>>
  engines: { node: string }
}
const workflow = textOf('.github/workflows/ci.yml')

/** Whether a spec imports such a file, or a helper of it does. */
function reaches(file: string, wanted: RegExp, seen = new Set<string>()): boolean {
  if (seen.has(file)) return false
  seen.add(file)
  return importsOf(file).some(
    ({ target }) =>
      wanted.test(target) || (target.startsWith('spec/') && reaches(target, wanted, seen)),
  )
}

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

  it('installs what the specs need before it runs all of them', () => {
    const jobs = workflow
      .split(/^ {2}(?=\w+:$)/m)
      .filter((job) => /npm (test|run test:thick)$/m.test(job))
    expect(jobs).toHaveLength(2)
    for (const job of jobs) expect(job).toContain('chromium redis-server postgresql')
  })

  it('runs specs that need no other program where it installs none', () => {
    const [, ignored = ''] =
      /--testPathIgnorePatterns (.*)$/.exec(scripts['test:quick'] ?? '') ?? []
    const patterns = ignored.split(' ').map((pattern) => new RegExp(pattern))
    const quick = filesIn('spec', /\.spec\.ts$/).filter(
      (file) => !patterns.some((pattern) => pattern.test(`/${file}`)),
    )
    expect(quick.length).toBeGreaterThan(100)
    expect(quick.filter((file) => reaches(file, /helpers\/(redis|postgres)-server/))).toEqual([])
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
