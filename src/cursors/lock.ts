/** The holder of a lock, with enough data to find out later whether the process still runs. */
export interface LockOwner {
  readonly pid: number
  readonly host: string
  /** Distinguishes the process from a later one with the same pid, if the system supports it. */
  readonly start?: string
  /** Unique to each attempt, so that no two lock files have the same text. */
  readonly token: string
}

/** The disk operations of a lock, each of them atomic. */
export interface LockDisk {
  /** Creates `path` with all of its text at once; `false` if it exists. */
  create(path: string, text: string): Promise<boolean>
  read(path: string): Promise<string | undefined>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  isAlive(owner: LockOwner): Promise<boolean>
}

/**
 * Takes the lock at `path` by writing `own` there. Returns `undefined` on success, else the text of
 * the holder.
 *
 * Replacing the lock of a dead process requires the lock *of the lock*, and a second check of the
 * owner. Otherwise, if two processes find the same dead owner, the slower one would remove the lock
 * that the faster one has just taken. A rename turns the second lock into the first one, so at
 * least one of them exists at any moment. If a process dies during this, its second lock is taken
 * over by the same rule, one level down.
 *
 * `onTakeover` receives the text of the replaced lock.
 */
export async function takeLock(
  disk: LockDisk,
  path: string,
  own: string,
  onTakeover: (held: string) => void = () => {},
): Promise<string | undefined> {
  const takeover = `${path}.takeover`
  for (;;) {
    if (await disk.create(path, own)) return undefined
    const held = await disk.read(path)
    if (held === undefined) continue
    if (!(await isDead(disk, held))) return held
    const rival = await takeLock(disk, takeover, own)
    if (rival !== undefined) return rival
    if ((await disk.read(path)) === held) {
      await disk.rename(takeover, path)
      onTakeover(held)
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

/** A lock that cannot be read counts as held: only a person can decide about it. */
async function isDead(disk: LockDisk, text: string): Promise<boolean> {
  const owner = parseLockOwner(text)
  return owner !== undefined && !(await disk.isAlive(owner))
}
