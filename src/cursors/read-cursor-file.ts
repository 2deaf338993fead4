import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { name, optional } from '../options/pieces.js'
import { parseCursorDocument } from './cursor-document.js'
import { attempt, codeOf } from './disk-error.js'
import { parseLockOwner } from './lock.js'
import { nodeDisk } from './node-disk.js'
import { realPath } from './real-path.js'

/** Who asks for the state of a cursor file. */
export interface ReadCursorFileOptions {
  /**
   * The name of this machine in locks. It can be told of a lock with this name alone whether its
   * process still runs.
   * @default os.hostname()
   */
  readonly host?: string
}

/** The lock of a cursor file. */
export interface CursorFileLock {
  /** The process that holds it; `undefined` if the lock cannot be read. */
  readonly pid: number | undefined
  /** The machine of the process; `undefined` if the lock cannot be read. */
  readonly host: string | undefined
  /** `'unknown'`: a process of another machine, or one that cannot be told from a later one. */
  readonly process: 'runs' | 'ended' | 'unknown'
  /** When its process last wrote it, which it does every ten seconds. */
  readonly touchedAt: Date
}

/** What a cursor file holds, and who uses it. */
export interface CursorFileState {
  /** The name of the stream, and its position; `undefined` if nothing was ever saved. */
  readonly saved:
    | { readonly key: string; readonly position: string; readonly savedAt: Date }
    | undefined
  /** `undefined`: nobody holds the file. */
  readonly lock: CursorFileLock | undefined
}

/**
 * Reads the file of a {@link fileCursorStore} beside the program that uses it: without its lock,
 * and without a change.
 *
 * **Errors**: rejects with {@link CursorStoreError} if the file cannot be read, or is not a cursor
 * file. Throws {@link ConfigError} at the call for a path or an option that is not valid.
 *
 * @param path resolved against the working directory at the call.
 * @example
 * ```ts
 * const { saved, lock } = await readCursorFile('./cursor.json')
 * console.log(saved?.position, lock?.process)
 * ```
 */
export function readCursorFile(
  path: string,
  options: ReadCursorFileOptions = {},
): Promise<CursorFileState> {
  const issues = new Issues()
  checkShape({ path: name }, { path }, issues)
  const { host = hostname() } = checkShape({ host: optional(name) }, options, issues)
  issues.throwIfAny('readCursorFile')
  return stateOf(resolve(path), host)
}

async function stateOf(named: string, host: string): Promise<CursorFileState> {
  const path = realPath(named)
  // It only reads, so the owner is nobody.
  const disk = nodeDisk({ pid: process.pid, host, token: '' })
  return attempt('read', path, async () => {
    const text = await disk.read(path)
    const savedAt = await writtenAt(path)
    const isSaved = text !== undefined && savedAt !== undefined
    return {
      saved: isSaved ? { ...parseCursorDocument(text, path), savedAt } : undefined,
      lock: await lockAt(`${path}.lock`, disk),
    }
  })
}

async function lockAt(
  path: string,
  disk: ReturnType<typeof nodeDisk>,
): Promise<CursorFileLock | undefined> {
  const text = await disk.read(path)
  const touchedAt = await writtenAt(path)
  if (text === undefined || touchedAt === undefined) return undefined
  const owner = parseLockOwner(text)
  return {
    pid: owner?.pid,
    host: owner?.host,
    process: owner === undefined ? 'unknown' : await disk.stateOf(owner),
    touchedAt,
  }
}

async function writtenAt(path: string): Promise<Date | undefined> {
  try {
    return (await stat(path)).mtime
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
