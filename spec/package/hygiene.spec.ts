import { VERSION } from '../../src/version.js'
import { filesIn, ROOT, textOf } from './source-files.js'

const manifest = JSON.parse(textOf('package.json'))
const here = `spec/package/${__filename.split('/').at(-1)}`
const folders = [
  'src',
  'spec',
  'bench',
  'examples',
  'scripts',
  'docs',
  '.ci',
  '.github',
  'api',
  'dashboards',
]
const ours = folders.flatMap((folder) => filesIn(folder, /./)).filter((file) => file !== here)
const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'package.json',
  'package-lock.json',
  '.npmrc',
  'biome.jsonc',
  'jest.config.ts',
]
const specs = filesIn('spec').filter((file) => file !== here)

const matching = (files: readonly string[], pattern: RegExp): readonly string[] =>
  files.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1} ${line.trim().slice(0, 100)}`] : [],
      ),
  )

describe('the repository', () => {
  it('has one version', () => {
    expect(VERSION).toBe(manifest.version)
    expect(textOf('CHANGELOG.md')).toContain(`## [${manifest.version}]`)
  })

  it('names no package registry and no path of a machine', () => {
    const pattern = new RegExp(
      `registry\\.[a-z]|npmjs\\.org/[a-z@]|"resolved": "http|${ROOT}\\b|/home/[a-z]`,
    )
    expect(matching([...ours, ...pages], pattern)).toEqual([])
  })

  it('needs no install script of its own', () => {
    expect(
      Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name)),
    ).toEqual([])
  })

  it('locks the optional packages of every platform, which `npm ci` needs', () => {
    const { packages } = JSON.parse(textOf('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: object }>
    }
    const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)))
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    )
    expect(wanted.length).toBeGreaterThan(0)
    expect(wanted.filter((name) => !names.has(name))).toEqual([])
  })
})

describe('specs', () => {
  it('are never focused or switched off for good', () => {
    expect(
      matching(specs, /\b(it|test|describe)\.only\b|\bf(it|describe)\(|\bx(it|describe|test)\(/),
    ).toEqual([])
  })

  it('never sleep', () => {
    // A stated time is a guess about the machine. Work that is simulated takes a variable one;
    // without one it is a turn of the event loop.
    const sleep =
      /\bsetTimeout\((resolve|done|r), ?[1-9]|await (setTimeout|sleep|delay|pause)\( ?[1-9]/
    expect(matching(specs, sleep)).toEqual([])
    expect('await new Promise((resolve) => setTimeout(resolve, 50))').toMatch(sleep)
  })

  it('have names in the present tense, without should', () => {
    expect(matching(specs, /\b(it|test)(\.each\(.*\))?\(\s*['"`]should\b/)).toEqual([])
  })
})
