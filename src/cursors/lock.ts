/** Who holds a lock: enough to find out later whether that process still lives. */
export interface LockOwner {
  readonly pid: number
  readonly host: string
  /** What tells the process from a later one with the same pid, where the system can say. */
  readonly start?: string
  /** Unique to each taking, so that no two lock files are ever the same text. */
  readonly token: string
}

/** The few steps a lock needs, each of them atomic. */
export interface LockDisk {
  /** Creates `path` with all of its text at once; `false` where it exists. */
  create(path: string, text: string): Promise<boolean>
  read(path: string): Promise<string | undefined>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  isAlive(owner: LockOwner): Promise<boolean>
}

/**
 * Takes the lock at `path` by writing `own` there. Answers `undefined` when it is ours, else the
 * text of who has it.
 *
 * The lock of a dead process may be replaced only by who holds the lock *of the lock*, and only
 * after a second look. Without it, of two that find the same dead owner the slower would remove the
 * lock that the faster has just taken. That second lock becomes the first by a rename, so there is
 * no moment at which neither exists, and one left by a process that died in the midst of this is
 * taken over by the same rule, one level down.
 *
 * `onTakeover` receives the text of the dead process's lock that was replaced.
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

/** Reads a lock file; `undefined` for what we did not write. */
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

/** A lock that cannot be read counts as held: only a person can tell whose it is. */
async function isDead(disk: LockDisk, text: string): Promise<boolean> {
  const owner = parseLockOwner(text)
  return owner !== undefined && !(await disk.isAlive(owner))
}
