/// <reference lib="esnext.disposable" preserve="true" />
// For `AsyncDisposable` in our types, whatever the `lib` of a program is.

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { type Log, type Logger, logOf } from '../internal/log.js'
import { shared } from '../internal/shared.js'
import { checkShape } from '../options/check-shape.js'
import { log } from '../options/contracts.js'
import { Issues } from '../options/issues.js'
import { name, optional } from '../options/pieces.js'
import type { WithDefaults } from '../options/with-defaults.js'
import { CursorFile } from './cursor-file.js'
import type { CursorStore } from './cursor-store.js'
import { OWN_STORE, type OwnStore, type PositionKeys } from './load-position.js'
import type { LockOwner } from './lock.js'
import { nodeDisk } from './node-disk.js'
import { startOf } from './process-state.js'
import { realPath } from './real-path.js'

export {
  type CursorFileLock,
  type CursorFileState,
  type ReadCursorFileOptions,
  readCursorFile,
} from './read-cursor-file.js'

/** The owner of the file of {@link fileCursorStore}, and where its warnings go. */
export interface FileCursorStoreOptions {
  /**
   * The name of this machine in the lock. A lock with our name is taken over at once if its process
   * has ended. This machine cannot tell whether a process under another name still runs: its lock
   * is taken over when it has not been touched for a minute. Set a fixed name for a container that
   * gets a new host name at each start and of which only one runs at a time. Two containers that
   * may run together must not share a name.
   *
   * @default os.hostname()
   */
  readonly host?: string
  /**
   * Receives one line when this process takes over the lock of another one, which ended without
   * closing its store. Stores of one process on the same path share the log of the first. `false`:
   * nothing is written.
   *
   * @default console
   */
  readonly log?: false | Logger | undefined
}

/** A {@link CursorStore} that locks its file against other processes until it is closed. */
export interface FileCursorStore extends CursorStore, AsyncDisposable {
  load(key: string): Promise<string | undefined>
  save(key: string, position: string): Promise<void>
  /**
   * Waits for saves in flight and releases the file. Other stores of this process on the same path
   * keep it locked. Idempotent; using a closed store locks the file again.
   */
  close(): Promise<void>
}

/**
 * Keeps the position of one stream in a JSON file that is complete at any moment, also after
 * `kill -9` or a loss of power.
 *
 * **One file, one stream.** The first key that is loaded or saved owns the file; another key is an
 * error that names both.
 *
 * **One file, one process.** The first `load` or `save` creates `<path>.lock`; a second process is
 * refused. {@link FileCursorStore.close | close()}, `await using` or the end of the process removes
 * the lock. The lock of a killed process is taken over: at once on this machine, after a minute
 * from another one, such as the container before this one. The holder touches its lock every ten
 * seconds, on a timer that does not keep the program alive. Every save checks that the lock is
 * still ours: a process that slept for longer than a minute may have lost it, and writes nothing.
 *
 * **Within a process** all stores on one path, links followed, share one writer. A function may
 * therefore create its store inline and be called repeatedly.
 *
 * **Saves** go to `<path>.<id>.tmp`, fsync, rename, fsync of the folder. One runs at a time; of the
 * waiting ones only the newest is written. A link is followed and kept; the file gets the default
 * permissions of a new file (umask).
 *
 * **Errors** are {@link CursorStoreError}s with the path, the remedy and the `cause`: a file that
 * is empty, torn, of another stream or version, or not a cursor file; a lock that is held; a folder
 * that does not exist, because a volume that is not mounted must not look like a first start; any
 * error of the disk. Only a missing file gives `undefined`. A store whose first use fails does not
 * keep the lock. A `path` or an option that is not valid throws {@link ConfigError} at the call.
 *
 * @param path resolved against the working directory at the call.
 * @example
 * ```ts
 * jetstream$({ checkpoint: fileCursorStore('./cursor.json') }).pipe(ingest(ingestors)).subscribe()
 * ```
 */
export function fileCursorStore(
  path: string,
  options: FileCursorStoreOptions = {},
): FileCursorStore {
  const { host = hostname(), log } = checkedOptions(path, options)
  const named = resolve(path)
  const user = Symbol(path)
  let file: CursorFile | undefined

  function claim(keys: PositionKeys): CursorFile {
    if (file === undefined || file.released) file = sharedFile(named, host, logOf(log))
    file.claim(user, keys)
    return file
  }

  async function close(): Promise<void> {
    await file?.leave(user)
  }

  const store: FileCursorStore & OwnStore = {
    [OWN_STORE]: { rename: (key, formerKey) => void claim({ key, formerKey }) },
    load: async (key) => claim({ key }).load(key),
    save: async (key, position) => claim({ key }).save({ key, position }),
    close,
    [Symbol.asyncDispose]: close,
  }
  return store
}

const shape = { host: optional(name), log: optional(log) }

/** Throws `ConfigError` with every mistake. */
function checkedOptions(
  path: string,
  options: FileCursorStoreOptions,
): WithDefaults<FileCursorStoreOptions, typeof shape> {
  const issues = new Issues()
  checkShape({ path: name }, { path }, issues)
  const filled = checkShape(shape, options, issues)
  issues.throwIfAny('fileCursorStore')
  return filled
}

/**
 * The files of this process by real path, shared by all copies of this library, because a lock
 * belongs to a process. One `exit` listener serves all files, and is removed with the last one.
 * Raise the number when {@link CursorFile} changes for its callers.
 */
const held = shared('cursor-files.2', () => {
  const files = new Map<string, CursorFile>()
  const releaseAll = (): void => {
    for (const file of [...files.values()]) file.release()
  }
  return { files, releaseAll }
})

function sharedFile(named: string, host: string, log: Log): CursorFile {
  const { files, releaseAll } = held
  const path = realPath(named)
  const known = files.get(path)
  if (known !== undefined) return known
  const start = startOf(process.pid)
  const owner: LockOwner = {
    pid: process.pid,
    host,
    ...(start !== undefined && { start }),
    token: randomUUID(),
  }
  const file = new CursorFile(nodeDisk(owner), path, `${JSON.stringify(owner)}\n`, log, () => {
    files.delete(path)
    if (files.size === 0) process.off('exit', releaseAll)
  })
  if (files.size === 0) process.on('exit', releaseAll)
  files.set(path, file)
  return file
}
