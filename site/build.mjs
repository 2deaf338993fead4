// Builds the site of the API and the guides into `.tmp/site`, and checks its links: `npm run site`.
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, ConsoleLogger, LogLevel } from 'typedoc'
import { brokenLinks } from './links.mjs'
import { writePages } from './pages.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = resolve(HERE, '..')
const OUT = join(ROOT, '.tmp/site')
const PAGES = join(ROOT, '.tmp/site-pages')

const { exports, name: PACKAGE } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
/** The source of each entry, by the name that a program imports. */
const ENTRIES = new Map(
  Object.entries(exports).flatMap(([path, { types }]) =>
    types === undefined
      ? []
      : [[types.replace(/^\.\/dist\/(.*)\.d\.ts$/, 'src/$1.ts'), PACKAGE + path.slice(1)]],
  ),
)

/** Shows what is wrong with links: a comment may stand at the member of a union, unlike here. */
class LinkLogger extends ConsoleLogger {
  wrong = 0

  log(message, level) {
    if (level < LogLevel.Error && !message.includes('link')) return
    this.wrong += 1
    super.log(message, level)
  }
}

const app = await Application.bootstrap({
  name: PACKAGE,
  tsconfig: join(HERE, 'tsconfig.json'),
  entryPoints: [...ENTRIES.keys()].map((file) => join(ROOT, file)),
  readme: join(PAGES, 'README.md'),
  projectDocuments: writePages(ROOT, PAGES),
  basePath: ROOT,
  // The compiler of this repository has checked the types.
  skipErrorChecking: true,
  disableGit: true,
  sourceLinkTemplate: 'https://github.com/rxjs-atproto/rxjs-atproto/blob/main/{path}#L{line}',
  navigation: { includeGroups: true },
  groupOrder: ['Guides', 'Cookbook', 'Frameworks', 'Decisions', '*'],
  sort: ['source-order'],
  highlightLanguages: ['typescript', 'json', 'yaml', 'sh', 'dockerfile', 'ini', 'html', 'tsx'],
  validation: { notExported: false, invalidLink: true, invalidPath: true },
})
app.logger = new LinkLogger()

// A comment of one entry may name what another one exports.
app.converter.addUnknownSymbolResolver(({ symbolReference }, { project }, part) => {
  const name = part && symbolReference?.path?.at(-1)?.path
  const exported = (project.children ?? []).flatMap(({ children = [] }) => children)
  const target = exported.find((reflection) => reflection.name === name)
  return target && { target }
})

const project = await app.convert()
if (project === undefined) throw new Error('typedoc has read nothing')
for (const module of project.children ?? [])
  module.name = ENTRIES.get(module.sources?.[0]?.fileName ?? '') ?? module.name
app.validate(project)
await app.generateDocs(project, OUT)

const { count, broken } = brokenLinks(OUT)
console.log(`${OUT}: ${count} links, ${broken.length} lead nowhere`)
for (const link of broken.slice(0, 50)) console.error(link)
if (broken.length > 0 || count < 1000 || app.logger.wrong > 0) process.exitCode = 1
