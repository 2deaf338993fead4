import { textOf } from './source-files.js'

/**
 * The rooms of `src` and what they may import, as docs/architecture.md says: the page is the law,
 * so that the two cannot differ.
 */
const page = textOf('docs/architecture.md')

/**
 * The room of a file: a folder of `src`, each source and sink its own, or a file of `src` itself.
 */
export function roomOf(file: string): string {
  const [, room = '', part = ''] = file.split('/')
  return room === 'sources' || room === 'sinks' ? `${room}/${part}` : room
}

/** What each room may import besides itself. */
export const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map(
  rowsBelow('| file or room | imports |').map(([room = '', imports = '']) => [
    codesIn(room)[0] ?? '',
    codesIn(imports),
  ]),
)

/** The rooms, from the top down; rooms of one floor do not import each other. */
export const FLOORS: readonly (readonly string[])[] = (
  /## The floors.*?```text\n(.*?)```/s.exec(page)?.[1] ?? ''
)
  .trimEnd()
  .split('\n')
  .map((line) => (line.split(/ {3,}/)[0] ?? '').split('  '))

/** The files that may import modules of Node, and `ws`. */
export const NEEDS_NODE: readonly RegExp[] = rowsBelow('| files | need |').flatMap(([files = '']) =>
  codesIn(files).map(patternOf),
)

/** Every file of `src` that the page names by its whole path. */
export const NAMED_FILES: readonly string[] = [...page.matchAll(/`(src\/[\w/.-]+\.ts)`/g)].map(
  ([, file = '']) => file,
)

function rowsBelow(heading: string): readonly (readonly string[])[] {
  const table = page.split(`${heading}\n| --- | --- |\n`)[1]?.split('\n\n')[0] ?? ''
  return table.split('\n').map((row) => row.split('|').slice(1, -1))
}

function codesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}

/** `*` stands for part of a name, `**` for any folders. */
function patternOf(glob: string): RegExp {
  const source = glob
    .replaceAll('.', '\\.')
    .replaceAll(/\*\*\/?|\*/g, (stars) =>
      stars === '*' ? '[^/]*' : stars === '**' ? '.*' : '(.*/)?',
    )
  return new RegExp(`^${source}$`)
}
