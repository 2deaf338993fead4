import { filesIn, importsOf, textOf } from './source-files.js'

const ENTRIES = [
  'src/index.ts',
  'src/testing/index.ts',
  'src/cursors/file.ts',
  'src/cursors/browser.ts',
  'src/cursors/sqlite.ts',
  'src/cursors/postgres.ts',
  'src/browser/index.ts',
  'src/react/index.ts',
  'src/angular/index.ts',
  'src/redis.ts',
  'src/otel/index.ts',
  'src/nest/index.ts',
  'src/nest/terminus.ts',
  'src/nest/microservice.ts',
]

interface Declaration {
  readonly name: string
  readonly file: string
  readonly documented: boolean
}

const KINDS = 'class|function\\*?|const|interface|type'
const EXPORTED = new RegExp(`^export (?:declare )?(?:abstract )?(?:async )?(?:${KINDS}) ([\\w$]+)`)

/** What a file exports by itself, and whether a comment stands right above it. */
function declarationsIn(file: string): readonly Declaration[] {
  const lines = textOf(file).split('\n')
  return lines.flatMap((line, index) => {
    const name = EXPORTED.exec(line)?.[1]
    return name === undefined
      ? []
      : [{ name, file, documented: lines[index - 1]?.trimEnd().endsWith('*/') ?? false }]
  })
}

/** What an entry exports: its own, and what it hands on by name or as a whole. */
function exportsOf(entry: string): readonly Declaration[] {
  const code = textOf(entry)
  const handedOn = importsOf(entry).flatMap(({ target }) =>
    target.startsWith('src/') ? declarationsIn(target) : [],
  )
  const named = [...code.matchAll(/^export (?:type )?\{([^}]*)\} from/gm)].flatMap(
    ([, names = '']) => names.split(','),
  )
  const names = new Set(named.map((name) => name.replace('type ', '').trim()))
  const whole = [...code.matchAll(/^export (?:type )?\* from '\.\/([^']+)\.js'/gm)].map(
    ([, path]) => path ?? '',
  )
  const reexported = handedOn.filter(
    ({ name, file }) => names.has(name) || whole.some((path) => file.endsWith(`/${path}.ts`)),
  )
  return [...declarationsIn(entry), ...reexported]
}

interface Option {
  readonly of: string
  readonly name: string
  readonly comment: string
}

/** The optional members of every exported `…Options` and `…Config`. */
function optionsIn(file: string): readonly Option[] {
  const interfaces = [
    ...textOf(file).matchAll(/^export interface (\w+(?:Options|Config))\b[^{]*\{\n(.*?)^\}/gms),
  ]
  return interfaces.flatMap(([, of = '', body = '']) =>
    [...body.matchAll(/(?:^ {2}(\/\*\*(?:(?!\*\/).)*\*\/)\n)?^ {2}readonly ([\w$]+)\?:/gms)].map(
      ([, comment = '', name = '']) => ({
        of,
        name,
        comment,
      }),
    ),
  )
}

const published = new Set(ENTRIES.flatMap(exportsOf).map(({ name }) => name))
const options = filesIn('src')
  .flatMap(optionsIn)
  .filter(({ of }) => published.has(of))
// Handed in to be told something, or to turn something on: absent means that nobody is told, and
// nothing is on.
const WITHOUT_DEFAULT = /^on[A-Z]\w*$/

describe('the public interface', () => {
  it.each(ENTRIES)('%s exports nothing without a comment', (entry) => {
    const declarations = exportsOf(entry)
    expect(declarations.length).toBeGreaterThan(1)
    expect(
      declarations
        .filter(({ documented }) => !documented)
        .map(({ name, file }) => `${name} (${file})`),
    ).toEqual([])
  })

  it('hands on every name that an index lists', () => {
    const found = new Set(exportsOf('src/index.ts').map(({ name }) => name))
    const listed = [...textOf('src/index.ts').matchAll(/[{,] (?:type )?([\w$]+)(?=[ ,])/g)].map(
      ([, name]) => name,
    )
    expect(listed.length).toBeGreaterThan(20)
    expect(listed.filter((name) => !found.has(name ?? ''))).toEqual([])
  })

  it('has options that say what they are for', () => {
    expect(options.length).toBeGreaterThan(40)
    const silent = options.filter(({ comment }) => !/\w/.test(comment))
    expect(silent.map(({ of, name }) => `${of}.${name}`)).toEqual([])
  })

  it('has options that are required, say their default, or are observers and handlers', () => {
    const open = options.filter(
      ({ name, comment }) => !comment.includes('@default') && !WITHOUT_DEFAULT.test(name),
    )
    expect(open.map(({ of, name }) => `${of}.${name}`)).toEqual([])
  })

  it('has time options whose name holds the unit', () => {
    const timed = options.filter(({ name }) =>
      /(timeout|delay|wait|every|after|interval|ttl)$/i.test(name),
    )
    expect(timed.map(({ of, name }) => `${of}.${name}`)).toEqual([])
  })
})
