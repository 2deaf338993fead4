import jestConfig from '../../jest.config.js'
import { filesIn, textOf } from './source-files.js'

const PAGES = ['README.md', ...filesIn('docs', /\.md$/)]

/** Each table of options, the type that it is about, and whether it names all of its members. */
const TABLES = [
  { page: 'docs/archive.md', of: 'ArchiveConfig', isWhole: false },
  { page: 'docs/jetstream.md', of: 'JetstreamConfig', isWhole: true },
  { page: 'docs/tap.md', of: 'TapConfig', isWhole: false },
] as const

interface Row {
  readonly name: string
  readonly default: string
}

const TABLE = /^\| option \| default \|.*\n\| --- .*\n((?:\|.*\n)+)/gm

function tablesIn(page: string): readonly (readonly Row[])[] {
  return [...textOf(page).matchAll(TABLE)].map(([, rows = '']) =>
    rows
      .trim()
      .split('\n')
      .flatMap((row) => {
        const [, names = '', standard = ''] = row.split('|').map((cell) => cell.trim())
        return [...names.matchAll(/`([\w$]+)`/g)].map(([, name = '']) => ({
          name,
          default: standard,
        }))
      }),
  )
}

/**
 * The members of an interface, its own and those it extends, each with the `@default` of its
 * comment.
 */
function membersOf(type: string): ReadonlyMap<string, string> {
  const { own, parents } = INTERFACES.get(type) ?? { own: [], parents: [] }
  return new Map([...parents.flatMap((parent) => [...membersOf(parent)]), ...own])
}

interface Interface {
  readonly own: readonly (readonly [name: string, standard: string])[]
  readonly parents: readonly string[]
}

const INTERFACES: ReadonlyMap<string, Interface> = new Map(
  filesIn('src').flatMap((file) =>
    [
      ...textOf(file).matchAll(
        /^export interface (\w+)(?:<.*?>)?\s*(?:extends\s+([^{]*))?\{\n(.*?)^\}/gms,
      ),
    ].map(
      ([, name = '', heads = '', body = '']) =>
        [name, { own: ownMembers(body), parents: heads.match(/\b[A-Z]\w+/g) ?? [] }] as const,
    ),
  ),
)

function ownMembers(body: string): Interface['own'] {
  return [
    ...body.matchAll(/(?:^ {2}\/\*\*((?:(?!\*\/).)*)\*\/\n)?^ {2}readonly ([\w$]+)\??:/gms),
  ].map(([, comment = '', name = '']) => {
    const [, standard = ''] = /@default\s+(.*)/s.exec(comment.replaceAll(/\s+\*\s+/g, ' ')) ?? []
    return [name, standard.trim()]
  })
}

const UNITS: Readonly<Record<string, number>> = { MiB: 2 ** 20, s: 1000 }

/**
 * The numbers and quoted words of a default, however they are written: `10 000`, `10_000`, `5 MiB`,
 * `'auto'`.
 */
function valuesIn(standard: string): readonly (number | string)[] {
  const text = standard.replaceAll(/(?<=\d)[ _](?=\d)/g, '')
  const numbers = [...text.matchAll(/(?<!\w)(\d+)(?: (MiB|s)\b)?/g)].map(
    ([, number, unit = '']) => Number(number) * (UNITS[unit] ?? 1),
  )
  return [...numbers, ...(text.match(/'[^']*'|\b(?:true|false|none|all|console)\b/g) ?? [])].sort()
}

describe('the tables of options', () => {
  it('are those that are compared here', () => {
    expect(PAGES.flatMap((page) => tablesIn(page).map(() => page))).toEqual(
      TABLES.map(({ page }) => page),
    )
  })

  it.each(TABLES)(
    'of $page for $of name members of it, with the default of its comment',
    ({ page, of, isWhole }) => {
      const rows =
        tablesIn(page)[
          TABLES.filter((table) => table.page === page).findIndex((table) => table.of === of)
        ] ?? []
      const members = membersOf(of)
      expect(rows.length).toBeGreaterThan(5)
      expect(rows.map(({ name }) => name).filter((name) => !members.has(name))).toEqual([])
      if (isWhole)
        expect(
          [...members.keys()].filter((name) => !rows.some((row) => row.name === name)),
        ).toEqual([])
      const written = rows.filter((row) => row.default !== '')
      const values = (list: readonly Row[]) =>
        list.map((row) => `${row.name}: ${valuesIn(row.default).join(', ')}`)
      expect(values(written)).toEqual(
        values(written.map(({ name }) => ({ name, default: members.get(name) ?? '' }))),
      )
    },
  )
})

describe('the entries of the package', () => {
  const { exports } = JSON.parse(textOf('package.json')) as {
    exports: Readonly<Record<string, string | { readonly types: string }>>
  }
  const entries = Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [
          [
            `rxjs-atproto${path.slice(1)}`,
            target.types.replace(/^\.\/dist\/(.*)\.d\.ts$/, 'src/$1.ts'),
          ] as const,
        ],
  )

  it('have the same names for the specs and the compiler', () => {
    const { paths } = JSON.parse(textOf('tsconfig.json')).compilerOptions as {
      paths: Readonly<Record<string, readonly [string]>>
    }
    const forSpecs = jestConfig.moduleNameMapper as Readonly<Record<string, string>>
    expect(entries.length).toBeGreaterThan(3)
    for (const [name, file] of entries) {
      expect([name, paths[name]]).toEqual([name, [`./${file}`]])
      expect([name, forSpecs[`^${name}$`]]).toEqual([name, `<rootDir>/${file}`])
    }
  })

  it('are the only ones that pages, examples and comments import', () => {
    const known = new Set([...entries.map(([name]) => name), 'rxjs-atproto/package.json'])
    const files = [...PAGES, 'CONTRIBUTING.md', ...filesIn('src'), ...filesIn('examples')]
    const named = files.flatMap((file) =>
      [...textOf(file).matchAll(/from '(rxjs-atproto[^']*)'/g)].map(([, name = '']) => name),
    )
    expect(new Set(named).size).toBeGreaterThan(3)
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })

  it('are all on a page', () => {
    const pages = PAGES.map(textOf).join('\n')
    expect(entries.map(([name]) => name).filter((name) => !pages.includes(`'${name}'`))).toEqual([])
  })
})
