/**
 * How often the holder of a lock touches it. A holder that was stopped for 30 s has touched it
 * within the last 40.
 */
export const TOUCH_EVERY_MS = 10_000

/** The age from which a lock no longer protects, if nobody can tell whether its process runs. */
export const STALE_AFTER_MS = 60_000

/** The holder of a lock, with enough data to find out later whether the process still runs. */
export interface LockOwner {
  readonly pid: number
  readonly host: string
  /** Distinguishes the process from a later one with the same pid, if the system supports it. */
  readonly start?: string
  /** Unique to each attempt, so that no two lock files have the same text. */
  readonly token: string
}

/** `'unknown'`: a process of another host, or one that cannot be told from a later one. */
export type ProcessState = 'runs' | 'ended' | 'unknown'

/** The disk operations of a lock, each of them atomic. */
export interface LockDisk {
  /** Creates `path` with all of its text at once; `false` if it exists. */
  create(path: string, text: string): Promise<boolean>
  read(path: string): Promise<string | undefined>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  stateOf(owner: LockOwner): Promise<ProcessState>
  /**
   * How long ago `path` was written, in milliseconds, by the clock of its volume; `undefined` if it
   * is missing. Clocks of two machines may differ by more than the age of a lock.
   */
  ageMs(path: string): Promise<number | undefined>
}

/** Why a lock was not taken. */
export interface HeldLock {
  readonly text: string
  /** When it becomes stale, unless it is touched; `undefined`: never. */
  readonly staleInMs: number | undefined
}

/** A lock that protects nothing: its process has ended, or has not touched it for too long. */
export interface VoidLock {
  readonly text: string
  readonly because: 'ended' | 'stale'
}

/**
 * Takes the lock at `path` by writing `own` there. Returns `undefined` on success, else the lock
 * that is in the way.
 *
 * Replacing a void lock requires the lock *of the lock*, and a second check. Otherwise, if two
 * processes find the same one, the slower process would remove the lock that the faster one has
 * just taken; and a holder that slept may have touched its lock meanwhile. A rename turns the
 * second lock into the first one, so at least one of them exists at any moment. If a process dies
 * during this, its second lock is taken over by the same rule, one level down.
 *
 * `onTakeover` receives the replaced lock.
 */
export async function takeLock(
  disk: LockDisk,
  path: string,
  own: string,
  onTakeover: (lock: VoidLock) => void = () => {},
): Promise<HeldLock | undefined> {
  const takeover = `${path}.takeover`
  for (;;) {
    if (await disk.create(path, own)) return undefined
    const text = await disk.read(path)
    if (text === undefined) continue
    const lock = await judge(disk, path, text)
    if ('staleInMs' in lock) return lock
    const rival = await takeLock(disk, takeover, own)
    if (rival !== undefined) return rival
    if (await isUnchanged(disk, path, lock)) {
      await disk.rename(takeover, path)
      onTakeover(lock)
      return undefined
    }
    await disk.remove(takeover)
  }
}

/** Reads a lock file; returns `undefined` for a text that we did not write. */
export function parseLockOwner(text: string): LockOwner | undefined {
  try {
    const { pid, host, start, token } = JSON.parse(text)
    if (
      !Number.isSafeInteger(pid) ||
      pid <= 0 ||
      typeof host !== 'string' ||
      typeof token !== 'string'
    )
      return undefined
    return typeof start === 'string' ? { pid, host, start, token } : { pid, host, token }
  } catch {
    return undefined
  }
}

async function judge(disk: LockDisk, path: string, text: string): Promise<HeldLock | VoidLock> {
  const owner = parseLockOwner(text)
  // Only a person can decide about a lock that we did not write. An empty one is ours: its process
  // was killed before it wrote the text, on a file system without hard links.
  if (owner === undefined && text !== '') return { text, staleInMs: undefined }
  const state = owner === undefined ? 'unknown' : await disk.stateOf(owner)
  if (state === 'ended') return { text, because: 'ended' }
  if (state === 'runs') return { text, staleInMs: undefined }
  const age = await disk.ageMs(path)
  return age !== undefined && age < STALE_AFTER_MS
    ? { text, staleInMs: STALE_AFTER_MS - age }
    : { text, because: 'stale' }
}

async function isUnchanged(disk: LockDisk, path: string, { text, because }: VoidLock) {
  if ((await disk.read(path)) !== text) return false
  return because === 'ended' || 'because' in (await judge(disk, path, text))
}
