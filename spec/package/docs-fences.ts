import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fixtures from './docs-fixtures.js'
import { filesIn, ROOT, textOf } from './source-files.js'

/** One example of the docs. */
export interface Fence {
  /** Page or source file and the line it begins at: `README.md:12`. */
  readonly at: string
  readonly code: string
  /**
   * The page's own examples run; those of comments in the code, and those marked `ts no-run`, are
   * compiled only.
   */
  readonly runs: boolean
}

const FOLDER = join(ROOT, '.tmp/docs')
const MODULES = [
  'rxjs',
  'rxjs-atproto',
  'rxjs-atproto/testing',
  'rxjs-atproto/cursors/file',
  'rxjs-atproto/cursors/browser',
  'rxjs-atproto/browser',
  'rxjs-atproto/react',
  'rxjs-atproto/cursors/sqlite',
  'rxjs-atproto/cursors/postgres',
  'rxjs-atproto/redis',
  'rxjs-atproto/otel',
  'rxjs-atproto/nest',
  'rxjs-atproto/nest/terminus',
  'rxjs-atproto/nest/microservice',
]

const pages = ['README.md', 'CONTRIBUTING.md', ...filesIn('docs', /\.md$/)]

export const fences: readonly Fence[] = [
  ...pages.flatMap((page) => fencesIn(page, textOf(page))),
  ...filesIn('src').flatMap((file) => examplesIn(file, textOf(file))),
]

function fencesIn(page: string, text: string): readonly Fence[] {
  return [...text.matchAll(/^```ts( no-run)?\n(.*?)^```$/gms)].map(
    ({ 1: noRun, 2: code = '', index }) => ({
      at: `${page}:${lineAt(text, index)}`,
      code,
      runs: noRun === undefined,
    }),
  )
}

/** What follows `@example` in a comment, up to the next tag or the comment's end. */
function examplesIn(file: string, text: string): readonly Fence[] {
  return [...text.matchAll(/@example\n((?: \*(?!\/) ?(?!@).*\n)+)/g)].map(
    ({ 1: lines = '', index }) => ({
      at: `${file}:${lineAt(text, index)}`,
      code: lines.replaceAll(/^ \* ?/gm, '').replaceAll(/^```.*$/gm, ''),
      runs: false,
    }),
  )
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length + 1
}

const nameOf = ({ at }: Fence): string => at.replaceAll(/[^\w]+/g, '-')

const OPTIONS = {
  noEmit: false,
  outDir: 'out',
  rootDir: ROOT,
  noUnusedLocals: false,
  noEmitOnError: false,
  moduleDetection: 'force',
}

/** Compiles all examples in one go. Answers what the compiler says, and the JavaScript of each. */
export function compile(): {
  readonly problems: string
  readonly javascript: (fence: Fence) => string
} {
  const withImports = fences.map((fence) => ({
    ...fence,
    code: `${importsFor(fence.code)}\n${fence.code}`,
  }))
  const problems = problemsOf(FOLDER, withImports, { 'fixtures.d.ts': fixtureTypes() })
  return {
    problems,
    javascript: (fence) => {
      const path = join(FOLDER, `out/.tmp/docs/${nameOf(fence)}.js`)
      return existsSync(path) ? readFileSync(path, 'utf8') : ''
    },
  }
}

/** What the compiler says of the README's examples where each is all that a file holds. */
export const problemsWhenPasted = (): string =>
  problemsOf(
    `${FOLDER}-pasted`,
    fences.filter(({ at }) => at.startsWith('README')),
    {},
  )

function problemsOf(
  folder: string,
  examples: readonly Fence[],
  others: Readonly<Record<string, string>>,
): string {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const tsconfig = { extends: '../../tsconfig.json', compilerOptions: OPTIONS, include: ['./*.ts'] }
  const files = {
    ...others,
    'tsconfig.json': JSON.stringify(tsconfig),
    ...Object.fromEntries(examples.map((example) => [`${nameOf(example)}.ts`, example.code])),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const { stdout, status } = spawnSync(tsc, ['-p', folder], { cwd: ROOT, encoding: 'utf8' })
  const problems = stdout
    .split('\n')
    .filter((line) => line.startsWith('.tmp/docs') || line.startsWith('error'))
  return status !== 0 && problems.length === 0 ? '' : problems.join('\n')
}

const fixtureTypes = (): string =>
  [
    'declare global {',
    ...Object.keys(fixtures).map(
      (name) => `  const ${name}: typeof import('./docs-fixtures.js').${name}`,
    ),
    '}',
    'export {}',
  ].join('\n')

/**
 * An example may leave out the imports of this library and of RxJS: an import for each name it uses
 * and does not make itself.
 */
function importsFor(code: string): string {
  const words = 'import|const|using|function|class|interface|type'
  const making = new RegExp(`\\b(?:${words})\\s+(?:\\{([^}]*)\\}|\\*?\\s*(?:as )?(\\w+\\$?))`, 'g')
  const made = new Set([...code.matchAll(making)].flatMap(names))
  const used = new Set(
    code.replaceAll(/'[^'\n]*'|\/\/.*/g, '').match(/(?<!(?<!\.\.)\.|[\w$])[\w]+\$?/g),
  )
  const missing = (name: string) => used.has(name) && !made.has(name) && !(name in fixtures)
  const taken = new Set<string>()
  const lines = MODULES.map((module) => {
    const names = Object.keys(require(module)).filter((name) => missing(name) && !taken.has(name))
    for (const name of names) taken.add(name)
    return names.length === 0 ? '' : `import { ${names.join(', ')} } from '${module}'`
  })
  return lines.filter((line) => line !== '').join('; ')
}

const names = ([, list, name]: RegExpMatchArray): string[] =>
  (list ?? name ?? '')
    .split(',')
    .map((part) => part.replace('type ', '').trim().split(/[ :]/)[0] ?? '')
