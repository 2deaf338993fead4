import { CursorStoreError } from '../errors.js'

/** Tells our file from any other JSON. */
const FORMAT = 'rxjs-atproto cursor'
const VERSION = 1

/** One stream's position, as a cursor file holds it. */
export interface CursorDocument {
  readonly key: string
  readonly position: string
}

/** The text of a cursor file. */
export function formatCursorDocument({ key, position }: CursorDocument): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, key, position }, null, 2)}\n`
}

/**
 * Reads what {@link formatCursorDocument} wrote. `path` is for the messages: everything else is a
 * {@link CursorStoreError}.
 */
export function parseCursorDocument(text: string, path: string): CursorDocument {
  if (text.trim() === '') throw new CursorStoreError(`the cursor file ${path} is empty, ${REPAIR}`)
  const value = parseJson(text, path)
  if (!isRecord(value) || value.format !== FORMAT) {
    throw new CursorStoreError(
      `${path} is not a cursor file of this library: give the store a path of its own`,
    )
  }
  const { version, key, position } = value
  if (version !== VERSION)
    throw new CursorStoreError(`the cursor file ${path} ${strangeVersion(version)}`)
  if (typeof key !== 'string' || typeof position !== 'string') {
    throw new CursorStoreError(
      `the cursor file ${path} lacks its \`key\` or \`position\`, ${REPAIR}`,
    )
  }
  return { key, position }
}

/** The refusal to give one stream the position of another. */
export function foreignCursor(path: string, held: string, asked: string): CursorStoreError {
  return new CursorStoreError(
    `the cursor file ${path} belongs to the stream ${shorten(held)}, not to ${shorten(asked)}: ` +
      'give each stream a file of its own, or, where host or filter changed on purpose, delete the file to begin anew',
  )
}

const REPAIR =
  'so its position is unknown: restore it from a backup, or delete it to begin without a position'

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CursorStoreError(`the cursor file ${path} is torn or not JSON, ${REPAIR}`, { cause })
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function strangeVersion(version: unknown): string {
  const known = `this release reads version ${VERSION}`
  if (typeof version !== 'number') return `has no readable \`version\` (${known}), ${REPAIR}`
  if (version > VERSION)
    return `is of version ${version}, from a newer release (${known}): update the package, or delete the file to begin anew`
  return `is of version ${version}, from an older release (${known}): let that release write its position out, or delete the file to begin anew`
}

/** Keys hold filters, and a filter may be ten thousand DIDs. */
function shorten(key: string): string {
  return JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}…` : key)
}
