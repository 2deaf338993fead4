import { CursorStoreError } from '../errors.js'
import type { Log } from '../internal/log.js'
import {
  type CursorDocument,
  foreignCursor,
  formatCursorDocument,
  parseCursorDocument,
} from './cursor-document.js'
import { attempt } from './disk-error.js'
import type { PositionKeys } from './load-position.js'
import {
  type HeldLock,
  type LockDisk,
  parseLockOwner,
  TOUCH_EVERY_MS,
  takeLock,
  type VoidLock,
} from './lock.js'
import { newestWins } from './newest-wins.js'

/** The disk operations of a cursor file, besides those of its lock. */
export interface CursorDisk extends LockDisk {
  /**
   * Replaces the whole file durably. A failure leaves the old or the new file, never a part. The
   * new text is written under a name of our own, then `check` runs, then the file is renamed: see
   * {@link CursorDisk.removeLeftovers}.
   */
  replace(path: string, text: string, check: () => Promise<void>): Promise<void>
  /**
   * Removes what earlier holders of the lock have written and not renamed. A holder that slept
   * between its `check` and its rename, while we took the lock, then has nothing to rename.
   */
  removeLeftovers(path: string): Promise<void>
  /** Writes `path` again, so that it is new, if its content is `text`. */
  touch(path: string, text: string): Promise<void>
  /**
   * Removes the file if its content is `text`. Synchronous, so that it works in the `exit` event.
   * Never throws.
   */
  removeIf(path: string, text: string): void
  /** Calls `work` every `ms` without keeping the process alive. Returns a function that ends it. */
  every(ms: number, work: () => void): () => void
}

/** One file of this process, shared by all stores on the path: its lock, its key, its writer. */
export class CursorFile {
  /** The lock is released: the next use of the path needs a new object. */
  released = false
  /** The stores that use the file. */
  private readonly users = new Set<symbol>()
  /** The stream that owns the file, since the first use. */
  private key: string | undefined
  /** Its key from before it had a name: the next save replaces it. */
  private formerKey: string | undefined
  private opened: Promise<void> | undefined
  private touched: Promise<void> | undefined
  private stopTouching: () => void = () => {}
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
  claim(user: symbol, { key, formerKey }: PositionKeys): void {
    this.key ??= key
    this.formerKey ??= formerKey
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

  /**
   * Shows that we still run. A failure is no matter yet: others take the lock over only after
   * several of them.
   */
  touch(): void {
    const end = () => {
      this.touched = undefined
    }
    this.touched ??= this.disk.touch(this.lockPath, this.lockText).then(end, end)
  }

  async leave(user: symbol): Promise<void> {
    await this.opened?.catch(() => {})
    await this.saves.idle()
    // Some systems cannot remove a file that is open.
    await this.touched
    if (this.users.delete(user) && this.users.size === 0) this.release()
  }

  /** Releases the lock synchronously, so that no other store of this process runs in between. */
  release(): void {
    if (this.released) return
    this.released = true
    this.stopTouching()
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
    const lock = await attempt('lock', this.path, () =>
      takeLock(this.disk, this.lockPath, this.lockText, (replaced) => this.tookOver(replaced)),
    )
    if (lock !== undefined) throw refusal(this.path, this.lockPath, lock)
    this.stopTouching = this.disk.every(TOUCH_EVERY_MS, () => this.touch())
    // Before the first read: what an earlier holder renames after it would be lost.
    await attempt('tidy', this.path, () => this.disk.removeLeftovers(this.path))
    await this.read(key)
  }

  /** A warning, since the owner may still run: two machines may share a disk and a `host` name. */
  private tookOver({ text, because }: VoidLock): void {
    const reason =
      because === 'ended'
        ? 'which no longer runs'
        : 'which has not touched it for a minute; if it still runs, its next save fails'
    this.log.warn(
      `the lock of the cursor file ${this.path} was taken over from ${describeHolder(text)}, ` +
        reason,
    )
  }

  private async read(key: string): Promise<string | undefined> {
    const text = await attempt('read', this.path, () => this.disk.read(this.path))
    if (text === undefined) return undefined
    const document = parseCursorDocument(text, this.path)
    const { key: held } = document
    if (held !== key && held !== this.formerKey) throw foreignCursor(this.path, held, key)
    return document.position
  }

  private async write(document: CursorDocument): Promise<void> {
    await this.open(document.key)
    await attempt('write', this.path, () =>
      this.disk.replace(this.path, formatCursorDocument(document), () => this.checkLock()),
    )
  }

  /** At each use: the lock may have been deleted by hand, or taken over while we slept. */
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

function refusal(path: string, lockPath: string, { text, staleInMs }: HeldLock): CursorStoreError {
  const remedy =
    staleInMs === undefined
      ? `if you are certain that it no longer runs, delete ${lockPath}`
      : `if it was killed, start again in ${Math.ceil(staleInMs / 1000)} s, when its lock is too ` +
        'old to count; a process that replaces another one on the same volume, such as a ' +
        'container, takes over at once if both have the same `host` (--cursor-host)'
  return new CursorStoreError(
    `the cursor file ${path} is in use by ${describeHolder(text)}: ` +
      `give this process its own path or stop the other one; ${remedy}`,
  )
}

function describeHolder(text: string): string {
  const owner = parseLockOwner(text)
  if (owner !== undefined) return `process ${owner.pid} on ${owner.host}`
  return `an unknown process (its lock ${text === '' ? 'is empty' : 'cannot be read'})`
}
