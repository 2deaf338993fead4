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

/** The disk operations of a cursor file, besides those of its lock. */
export interface CursorDisk extends LockDisk {
  /** Replaces the whole file durably. A failure leaves the old or the new file, never a part. */
  replace(path: string, text: string): Promise<void>
  /**
   * Removes the file if its content is `text`. Synchronous, so that it works in the `exit` event.
   * Never throws.
   */
  removeIf(path: string, text: string): void
}

/** One file of this process, shared by all stores on the path: its lock, its key, its writer. */
export class CursorFile {
  /** The lock is released: the next use of the path needs a new object. */
  released = false
  /** The stores that use the file. */
  private readonly users = new Set<symbol>()
  /** The stream that owns the file, since the first use. */
  private key: string | undefined
  private opened: Promise<void> | undefined
  private readonly lockPath: string
  private readonly saves = newestWins<CursorDocument>((document) => this.write(document))

  constructor(
    private readonly disk: CursorDisk,
    private readonly path: string,
    /** The content of our lock file, unique to this object. */
    private readonly lockText: string,
    private readonly log: Log,
    private readonly onRelease: () => void,
  ) {
    this.lockPath = `${path}.lock`
  }

  /**
   * Must be called before a save is queued: the position of another stream must not replace a
   * pending one.
   */
  claim(user: symbol, key: string): void {
    this.key ??= key
    if (key !== this.key) throw foreignCursor(this.path, this.key, key)
    this.users.add(user)
  }

  async load(key: string): Promise<string | undefined> {
    await this.open(key)
    await this.saves.idle()
    // A folder that was unmounted meanwhile would look like a missing file.
    await this.checkLock()
    return this.read(key)
  }

  async save(document: CursorDocument): Promise<void> {
    await this.saves.push(document)
  }

  async leave(user: symbol): Promise<void> {
    await this.opened?.catch(() => {})
    await this.saves.idle()
    if (this.users.delete(user) && this.users.size === 0) this.release()
  }

  /** Releases the lock synchronously, so that no other store of this process runs in between. */
  release(): void {
    if (this.released) return
    this.released = true
    this.disk.removeIf(this.lockPath, this.lockText)
    this.onRelease()
  }

  private open(key: string): Promise<void> {
    this.opened ??= this.lockAndRead(key).catch((error: unknown) => {
      this.release()
      throw error
    })
    return this.opened
  }

  /** Reads before a first save too, which could otherwise overwrite another stream's position. */
  private async lockAndRead(key: string): Promise<void> {
    const holder = await attempt('lock', this.path, () =>
      takeLock(this.disk, this.lockPath, this.lockText, (held) => this.tookOver(held)),
    )
    if (holder !== undefined) throw refusal(this.path, this.lockPath, holder)
    await this.read(key)
  }

  /** A warning, since the owner may still run: two machines may share a disk and a `host` name. */
  private tookOver(held: string): void {
    const owner = describeHolder(held)
    this.log.warn(
      `the lock of the cursor file ${this.path} was taken over from ${owner}, which no longer runs`,
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
   * Checks the lock at each use: it may have been deleted by hand, or taken over by a process that
   * wrongly considered us dead.
   */
  private async checkLock(): Promise<void> {
    const holder = await attempt('check the lock of', this.path, () =>
      this.disk.read(this.lockPath),
    )
    if (holder === this.lockText) return
    const now = holder === undefined ? 'is missing' : `now belongs to ${describeHolder(holder)}`
    throw new CursorStoreError(
      `the lock ${this.lockPath} was taken from this process and ${now}: ` +
        'restart exactly one process',
    )
  }
}

/** Runs `work`; an error of the disk gets the path, the code and a remedy. */
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
  EDQUOT: 'raise the quota or free space; the old position is intact',
  EFBIG: 'raise the limit on file sizes; the old position is intact',
  EISDIR: 'give the path of a file, and remove a folder of that name',
  ELOOP: 'the links form a cycle',
  ENOENT: 'create its folder, or mount the volume it is on',
  ENOSPC: 'free space on the disk; the old position is intact',
  ENOTDIR: 'a part of the path is a file; give a path through folders',
  EPERM: 'let this user write the file and its folder',
  EROFS: 'the disk is read-only; mount it for writing or choose another path',
  ERR_FS_EISDIR: 'remove the folder that has the name of the temporary file',
}

function refusal(path: string, lockPath: string, holder: string): CursorStoreError {
  return new CursorStoreError(
    `the cursor file ${path} is in use by ${describeHolder(holder)}: ` +
      'give this process its own path or stop the other one; ' +
      `if you are certain that it no longer runs, delete ${lockPath}`,
  )
}

function describeHolder(text: string): string {
  const owner = parseLockOwner(text)
  return owner === undefined
    ? 'an unknown process (its lock cannot be read)'
    : `process ${owner.pid} on ${owner.host}`
}
