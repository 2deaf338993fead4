import { CursorStoreError } from '../errors.js'
import { shortKey } from './load-position.js'

/** Distinguishes our file from other JSON. */
const FORMAT = 'rxjs-atproto cursor'
const VERSION = 1

/** The position of one stream, as a cursor file keeps it. */
export interface CursorDocument {
  readonly key: string
  readonly position: string
}

/** The text of a cursor file. */
export function formatCursorDocument({ key, position }: CursorDocument): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, key, position }, null, 2)}\n`
}

/**
 * Reads the text of {@link formatCursorDocument}. Throws {@link CursorStoreError} for any other
 * text, with `path` in its message.
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
    throw new CursorStoreError(`the cursor file ${path} ${otherVersion(version)}`)
  if (typeof key !== 'string' || typeof position !== 'string') {
    throw new CursorStoreError(
      `the cursor file ${path} lacks its \`key\` or \`position\`, ${REPAIR}`,
    )
  }
  return { key, position }
}

/** The error for a stream that asks for the position of another one. */
export function foreignCursor(path: string, held: string, asked: string): CursorStoreError {
  return new CursorStoreError(
    `the cursor file ${path} belongs to the stream ${shortKey(held)}, not to ${shortKey(asked)}: ` +
      'give each stream its own file, or, if you changed host or filter on purpose, ' +
      'delete the file to start over; to keep the place over changes of the filter, name the ' +
      'stream (`checkpoint: { store, name }`) in a run with the filter as it was',
  )
}

const REPAIR =
  'so its position is unknown: restore it from a backup, or delete it to start without a position'

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

function otherVersion(version: unknown): string {
  const known = `this release reads version ${VERSION}`
  if (typeof version !== 'number') return `has no readable \`version\` (${known}), ${REPAIR}`
  const [release, remedy] =
    version > VERSION
      ? ['a newer', 'update the package']
      : ['an older', 'let that release write its position out']
  return (
    `is of version ${version}, from ${release} release (${known}): ${remedy}, ` +
    'or delete the file to start over'
  )
}
