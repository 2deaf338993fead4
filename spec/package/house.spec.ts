import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { FLOORS, NAMED_FILES } from './rooms.js'
import { filesIn, ROOT, textOf } from './source-files.js'

const page = textOf('CONTRIBUTING.md')
const manifest = JSON.parse(textOf('package.json'))

/** What the tree of the page names, as paths from the root: folders end with a slash. */
function treeOf(text: string): readonly string[] {
  const tree = /## Rooms.*?```text\n(.*?)```/s.exec(text)?.[1] ?? ''
  return [...tree.matchAll(/^( *)([\w.-]+\/?)(?= {2,}|$)/gm)]
    .filter(([, indent = '']) => indent.length < 3)
    .map(([, indent, name = '']) => (indent === '' ? name : `src/${name}`))
}

const entriesOf = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).map((entry) =>
    join(folder, entry.isDirectory() ? `${entry.name}/` : entry.name),
  )

describe('CONTRIBUTING.md', () => {
  it('has the tree of src as it is', () => {
    const told = treeOf(page).filter((path) => path.startsWith('src/') && path !== 'src/')
    expect(told.length).toBeGreaterThan(10)
    expect([...told].sort()).toEqual([...entriesOf('src')].sort())
  })

  it('has every other folder with code or pages, and no other', () => {
    const told = treeOf(page).filter((path) => !path.startsWith('src/'))
    const made = ['node_modules/', 'dist/', 'coverage/']
    const folders = entriesOf('.').filter(
      (path) => path.endsWith('/') && !path.startsWith('.') && !made.includes(path),
    )
    expect([...told, 'src/'].sort()).toEqual([...folders].sort())
  })

  it('has the floors of docs/architecture.md', () => {
    const told = (/those below it:\n(.*?)\.\n/s.exec(page)?.[1] ?? '')
      .replaceAll(/[`\n]/g, ' ')
      .split('→')
      .map((floor) => floor.trim().split(/[, ]+/))
    expect(told).toEqual(FLOORS)
  })

  it('names commands that package.json has', () => {
    const commands = [...page.matchAll(/`npm run ([\w:]+)/g)].map(([, name = '']) => name)
    expect(commands.length).toBeGreaterThan(10)
    expect(commands.filter((name) => !(name in manifest.scripts))).toEqual([])
  })

  it('names files and folders that exist', () => {
    const paths = [...page.matchAll(/`((?:src|spec|soak|scripts|api|docs|\.ci)\/[\w/.-]+)`/g)].map(
      ([, path = '']) => path,
    )
    expect(paths.length).toBeGreaterThan(5)
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('has the limits of the linter', () => {
    const rules = textOf('biome.jsonc').split('"overrides"')[0] ?? ''
    const limits = [...rules.matchAll(/"max\w*": (\d+)/g)].map(([, limit]) => limit)
    expect(limits).toEqual(['250', '15', '40', '5'])
    expect(page.replaceAll('\n', ' ')).toContain(
      'the linter refuses 250 and 40, more than 5 parameters and a cognitive complexity above 15',
    )
  })
})

describe('docs/architecture.md', () => {
  it('names files that exist', () => {
    const one = NAMED_FILES.filter((file) => !file.includes('*'))
    expect(one.length).toBeGreaterThan(30)
    expect(one.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  })

  const architecture = textOf('docs/architecture.md')
  const way = /## The way of an event(.*?)## /s.exec(architecture)?.[1] ?? ''

  it('draws the way of an event over files that exist', () => {
    const files = [...way.matchAll(/[\w-]+\/[\w/-]+\.ts/g)].map(([file]) => `src/${file}`)
    expect(files.length).toBeGreaterThan(5)
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  })

  it('draws the way of an event over methods that exist', () => {
    const code = ['delivery', 'live'].flatMap((room) => filesIn(`src/${room}`)).map(textOf)
    const named = [...way.matchAll(/\b([A-Z]\w+)\.(#?\w+)/g)]
    expect(named.length).toBeGreaterThan(8)
    const missing = named.filter(([, type = '', method = '']) => {
      const member = `\n {2}(readonly )?${method}( =|\\(|:)`
      const declared = new RegExp(`\n(export )?(class|interface) ${type}\\b[^]*?${member}`)
      return !code.some((text) => declared.test(text))
    })
    expect(missing.map(([name]) => name)).toEqual([])
  })
})

describe('biome.jsonc', () => {
  it('makes exceptions for files that exist, each list with its reasons', () => {
    const overrides = textOf('biome.jsonc').split('"overrides"')[1] ?? ''
    const files = [...overrides.matchAll(/"([\w-]+\/[\w/.-]+\.ts)"/g)].map(([, file = '']) => file)
    expect(files.length).toBeGreaterThan(10)
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
    for (const [list] of overrides.matchAll(/\{\s+(?:\/\/.*\s+)*"includes": \[[^\]]*\]/g))
      expect(list).toContain('// ')
  })
})
