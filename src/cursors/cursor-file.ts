import { CursorStoreError } from '../errors.js'
import type { Log } from '../internal/log.js'
import {
  type CursorDocument,
  foreignCursor,
  formatCursorDocument,
  parseCursorDocument,
} from './cursor-document.js'
import { type LockDisk, parseLockOwner, takeLock } from './lock.js'
import { newestWins } from './newest-wins.js'

/** What a cursor file needs of a disk, beside what its lock needs. */
export interface CursorDisk extends LockDisk {
  /** Puts `text` in the place of the whole file, durably. What fails leaves a whole file behind. */
  replace(path: string, text: string): Promise<void>
  /**
   * Removes the file if it says `text`. Synchronous, so that it serves the `exit` event. Never
   * throws.
   */
  removeIf(path: string, text: string): void
}

/**
 * One file of this process: its lock, its key and its one writer, shared by all stores on the path.
 */
export class CursorFile {
  /** Whether the lock was let go: this object is over, the next use of the path makes a new one. */
  gone = false
  /** The stores that use the file. */
  private readonly users = new Set<symbol>()
  /** The stream that owns the file, from the first use on. */
  private key: string | undefined
  private opened: Promise<void> | undefined
  private readonly lockPath: string
  private readonly saves = newestWins<CursorDocument>((document) => this.write(document))

  constructor(
    private readonly disk: CursorDisk,
    private readonly path: string,
    /** What our lock file says, and no other one ever does. */
    private readonly lockText: string,
    private readonly log: Log,
    private readonly onGone: () => void,
  ) {
    this.lockPath = `${path}.lock`
  }

  /**
   * Comes before anything is queued: the position of another stream must not take the place of one
   * that waits.
   */
  claim(user: symbol, key: string): void {
    this.key ??= key
    if (key !== this.key) throw foreignCursor(this.path, this.key, key)
    this.users.add(user)
  }

  async load(key: string): Promise<string | undefined> {
    await this.open(key)
    await this.saves.idle()
    // A folder that was unmounted since would look like a file that never was.
    await this.checkLock()
    return this.read(key)
  }

  async save(document: CursorDocument): Promise<void> {
    await this.saves.push(document)
  }

  async leave(user: symbol): Promise<void> {
    await this.opened?.catch(() => {})
    await this.saves.idle()
    if (this.users.delete(user) && this.users.size === 0) this.forget()
  }

  /**
   * Lets go of the lock, in one step: there is no moment for another store of this process in
   * between.
   */
  forget(): void {
    if (this.gone) return
    this.gone = true
    this.disk.removeIf(this.lockPath, this.lockText)
    this.onGone()
  }

  private open(key: string): Promise<void> {
    this.opened ??= this.lockAndRead(key).catch((error: unknown) => {
      this.forget()
      throw error
    })
    return this.opened
  }

  /**
   * Reads also where only a save is asked for, which would otherwise overwrite the position of
   * another stream.
   */
  private async lockAndRead(key: string): Promise<void> {
    const holder = await attempt('lock', this.path, () =>
      takeLock(this.disk, this.lockPath, this.lockText, (held) => this.tookOver(held)),
    )
    if (holder !== undefined) throw refusal(this.path, this.lockPath, holder)
    await this.read(key)
  }

  /**
   * The process may be one that was thought to run: two machines of one `host` name on a shared
   * disk.
   */
  private tookOver(held: string): void {
    const owner = describeHolder(held)
    this.log.warn(
      `the lock of the cursor file ${this.path} was taken over from ${owner}, which runs no more`,
    )
  }

  private async read(key: string): Promise<string | undefined> {
    const text = await attempt('read', this.path, () => this.disk.read(this.path))
    if (text === undefined) return undefined
    const document = parseCursorDocument(text, this.path)
    if (document.key !== key) throw foreignCursor(this.path, document.key, key)
    return document.position
  }

  private async write(document: CursorDocument): Promise<void> {
    await this.open(document.key)
    await this.checkLock()
    await attempt('write', this.path, () =>
      this.disk.replace(this.path, formatCursorDocument(document)),
    )
  }

  /**
   * A second look at each use: whoever deletes a lock by hand, or wrongly takes us for dead, is
   * found out here.
   */
  private async checkLock(): Promise<void> {
    const holder = await attempt('check the lock of', this.path, () =>
      this.disk.read(this.lockPath),
    )
    if (holder === this.lockText) return
    const now = holder === undefined ? 'is gone' : `now belongs to ${describeHolder(holder)}`
    throw new CursorStoreError(
      `the lock ${this.lockPath} was taken from this process and ${now}: restart one process, and only one`,
    )
  }
}

/** Gives what the disk refuses the path, the code and a remedy. */
export async function attempt<T>(
  verb: string,
  path: string,
  work: () => T | Promise<T>,
): Promise<Awaited<T>> {
  try {
    return await work()
  } catch (error) {
    throw diskError(verb, path, error)
  }
}

export function diskError(verb: string, path: string, cause: unknown): CursorStoreError {
  if (cause instanceof CursorStoreError) return cause
  const code = codeOf(cause)
  const remedy = REMEDIES[code ?? ''] ?? 'see the `cause`'
  return new CursorStoreError(
    `cannot ${verb} the cursor file ${path} (${code ?? 'unknown error'}): ${remedy}`,
    { cause },
  )
}

/** The code of a system error, such as `ENOSPC`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'let this user write the file and its folder',
  EDQUOT: 'raise the quota or free space; the old position is whole',
  EFBIG: 'raise the limit on file sizes; the old position is whole',
  EISDIR: 'give the path of a file, and remove a folder that stands in the way',
  ELOOP: 'the links lead in a circle',
  ENOENT: 'create its folder, or mount the volume it is on',
  ENOSPC: 'free space on the disk; the old position is whole',
  ENOTDIR: 'a part of the path is a file, give a path through folders',
  EPERM: 'let this user write the file and its folder',
  EROFS: 'the disk is read-only, mount it for writing or choose another path',
  ERR_FS_EISDIR: 'remove the folder that stands in the way of the temporary file',
}

function refusal(path: string, lockPath: string, holder: string): CursorStoreError {
  return new CursorStoreError(
    `the cursor file ${path} is in use by ${describeHolder(holder)}: give this process a path of its own or stop the other one; ` +
      `if you are certain that it no longer runs, delete ${lockPath}`,
  )
}

function describeHolder(text: string): string {
  const owner = parseLockOwner(text)
  return owner === undefined
    ? 'an unknown process, since its lock cannot be read'
    : `process ${owner.pid} on ${owner.host}`
}
