import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const ROOT = resolve(__dirname, '../..')

/** Files below `folder`, as paths from the root of the repository. */
export function filesIn(folder: string, pattern = /\.ts$/): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort()
}

export const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** One `import … from` or `export … from` of a file. */
export interface Import {
  readonly file: string
  /** A file of the repository for a relative one, else the specifier as it is. */
  readonly target: string
  /** Gone at run time. */
  readonly typeOnly: boolean
}

const IMPORT = /^(?:import|export)\s+(type\b)?([^'"]*?\bfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm

export function importsOf(file: string): readonly Import[] {
  // Examples in comments import too.
  const code = textOf(file).replace(/\/\*\*.*?\*\//gs, '')
  return [...code.matchAll(IMPORT)].map(([, type, names = '', specifier, dynamic]) => ({
    file,
    target: targetOf(file, specifier ?? dynamic ?? ''),
    typeOnly: type !== undefined || onlyTypes(names),
  }))
}

const targetOf = (file: string, specifier: string): string =>
  specifier.startsWith('.') ? join(dirname(file), specifier.replace(/\.js$/, '.ts')) : specifier

/**
 * `{ type A, type B } from` keeps the import under `verbatimModuleSyntax`, so it does not count.
 */
const onlyTypes = (names: string): boolean => /^\s*type\s/.test(names)
