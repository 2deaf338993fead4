import { ALLOWED, FLOORS, NEEDS_NODE, roomOf } from './rooms.js'
import { filesIn, type Import, importsOf, textOf } from './source-files.js'

const files = filesIn('src')
const imports = files.flatMap(importsOf)
const inside = imports.filter(({ target }) => target.startsWith('src/'))
const outside = imports.filter(({ target }) => !target.startsWith('src/'))

const FRAMEWORKS = ['angular', 'react']
/** The command line, what it starts, and what frameworks use: they import what a user could. */
const isProgram = (file: string): boolean => ['cli', 'apps', ...FRAMEWORKS].includes(roomOf(file))

const ENTRIES = [
  'src/index.ts',
  'src/redis.ts',
  'src/testing/index.ts',
  'src/cursors/file.ts',
  'src/cursors/browser.ts',
  'src/cursors/sqlite.ts',
  'src/cursors/postgres.ts',
  'src/browser/index.ts',
  'src/react/index.ts',
  'src/otel/index.ts',
  'src/angular/index.ts',
  'src/nest/index.ts',
  'src/nest/terminus.ts',
  'src/nest/microservice.ts',
]
// The rooms with laws of their own, below.
const TOP = ['index.ts', 'redis.ts', 'testing', 'cli', 'apps', ...FRAMEWORKS]

const manifest = JSON.parse(textOf('package.json'))
// What the package's own `#…` imports are in a browser.
const IN_BROWSER = Object.fromEntries(
  Object.entries<{ browser: string }>(manifest.imports).map(([name, { browser }]) => [
    name,
    browser.replace('./dist', 'src').replace(/js$/, 'ts'),
  ]),
)

const line = ({ file, target }: Import): string => `${file} imports ${target}`

describe('imports', () => {
  it('are found: a law over nothing proves nothing', () => {
    expect(inside.length).toBeGreaterThan(100)
    expect(inside.map(line)).toContain('src/live/live.ts imports src/delivery/ledger.ts')
    expect(outside.map(line)).toContain('src/live/live.ts imports #socket')
    expect(inside.filter(({ target }) => !files.includes(target)).map(line)).toEqual([])
  })

  it('run downward: each room imports only rooms below it', () => {
    const upward = inside.filter(({ file, target }) => {
      const [from, to] = [roomOf(file), roomOf(target)]
      if (from === to || TOP.includes(from)) return false
      return !ALLOWED.get(from.split('/')[0] ?? '')?.includes(to)
    })
    expect(upward.map(line)).toEqual([])
  })

  it('are allowed downward only: from a floor to those below it', () => {
    const floorOf = (room: string): number => FLOORS.findIndex((floor) => floor.includes(room))
    const upward = [...ALLOWED].flatMap(([from, rooms]) =>
      rooms.filter((to) => floorOf(to) <= floorOf(from)).map((to) => `${from} → ${to}`),
    )
    expect(upward).toEqual([])
    expect([...ALLOWED.keys(), ...TOP].sort()).toEqual(FLOORS.flat().sort())
  })

  it('make no cycle, not even of types', () => {
    expect(cycles(inside)).toEqual([])
  })

  it('of the benches make no cycle', () => {
    const benches = filesIn('bench').flatMap(importsOf)
    const targets = benches.map(({ target }) => target)
    expect(targets).toContain('bench/speed/contender.ts')
    expect(cycles(benches)).toEqual([])
  })

  it('make a cycle at run time nowhere, and a cycle is found where one is made', () => {
    const [one, other] = ['src/one.ts', 'src/other.ts']
    const circle = [
      { file: one, target: other, typeOnly: true },
      { file: other, target: one, typeOnly: true },
    ]
    expect(cycles(circle)).toEqual([`${one} → ${other} → ${one}`])
    expect(cycles(inside.filter(({ typeOnly }) => !typeOnly))).toEqual([])
  })

  it('name files, and an index only from programs and the entries of frameworks', () => {
    const mayUseEntries = (file: string) => isProgram(file) || roomOf(file) === 'nest'
    const indexes = inside.filter(
      ({ file, target }) => target.endsWith('/index.ts') && !mayUseEntries(file),
    )
    expect(indexes.map(line)).toEqual([])
  })

  it('of the command line and of frameworks are what a user could import', () => {
    const reached = inside.filter(
      ({ file, target }) => isProgram(file) && !isProgram(target) && !ENTRIES.includes(target),
    )
    expect(reached.map(line)).toEqual([])
  })

  it('of a source come from the entries alone; testing may take its types', () => {
    const users = inside.filter(
      ({ file, target, typeOnly }) =>
        /^(sources|sinks)\//.test(roomOf(target)) &&
        roomOf(file) !== roomOf(target) &&
        !['src/index.ts', 'src/redis.ts'].includes(file) &&
        !(roomOf(file) === 'testing' && typeOnly),
    )
    expect(users.map(line)).toEqual([])
  })

  it('of node:* and ws stay in the rooms that need a machine', () => {
    const strays = outside.filter(
      ({ file, target }) =>
        /^(node:|ws$)/.test(target) && !NEEDS_NODE.some((files) => files.test(file)),
    )
    expect(strays.map(line)).toEqual([])
  })

  it('of our own names lead to what runs there: Deno and Bun run what Node runs', () => {
    for (const conditions of Object.values<Record<string, string>>(manifest.imports)) {
      const { default: node, deno, bun, ...pages } = conditions
      expect([deno, bun]).toEqual([node, node])
      expect(Object.keys(pages)).toEqual(['react-native', 'workerd', 'edge-light', 'browser'])
      expect(Object.values(pages)).not.toContain(node)
      // The first condition that applies counts.
      expect(Object.keys(conditions).at(-1)).toBe('default')
    }
  })

  it('of zod are few: a page must not load it to check options', () => {
    const users = outside.filter(({ target }) => target.startsWith('zod')).map(({ file }) => file)
    expect([...new Set(users)]).toEqual([
      'src/options/schema/node.ts',
      // A public schema, of messages.
      'src/sources/tap/event-schema.ts',
    ])
  })

  it('of packages are those that package.json promises, by their public entries', () => {
    const packages = new Set(
      outside.map(({ target }) => target).filter((target) => !target.startsWith('node:')),
    )
    const promised = [
      manifest.dependencies,
      manifest.peerDependencies,
      manifest.optionalDependencies,
      manifest.imports,
    ].flatMap((names) => Object.keys(names ?? {}))
    const paths = [
      '@angular/core/rxjs-interop',
      '@noble/hashes/sha2.js',
      'rxjs/testing',
      'zod/mini',
    ]
    const known = [...promised, ...paths]
    expect([...packages].filter((name) => !known.includes(name))).toEqual([])
  })

  it('of the entry reach no node:*, ws or optional library in a browser', () => {
    const reached = reachable('src/index.ts', IN_BROWSER)
    expect(reached).toContain('src/socket/browser.ts')
    expect(reached.filter((target) => !target.startsWith('src/'))).toEqual([
      '@atcute/car',
      '@atcute/cbor',
      '@atcute/cid',
      '@noble/hashes/sha2.js',
      'rxjs',
      'zod/mini',
    ])
  })
})

/** All that a file imports at run time, directly or not. */
function reachable(entry: string, mapped: Readonly<Record<string, string>>): readonly string[] {
  const reached = new Set<string>([entry])
  for (const file of reached) {
    if (!file.startsWith('src/')) continue
    for (const { target, typeOnly } of importsOf(file))
      if (!typeOnly) reached.add(mapped[target] ?? target)
  }
  return [...reached].sort()
}

function cycles(edges: readonly Import[]): readonly string[] {
  const targets = grouped(edges)
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const target of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of targets.keys()) visit(file, [])
  return found
}

function grouped(edges: readonly Import[]): ReadonlyMap<string, readonly string[]> {
  const targets = new Map<string, string[]>()
  for (const { file, target } of edges) targets.set(file, [...(targets.get(file) ?? []), target])
  return targets
}
