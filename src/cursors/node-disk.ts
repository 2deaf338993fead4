import { randomUUID } from 'node:crypto'
import { readFileSync, unlinkSync } from 'node:fs'
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { CursorStoreError } from '../errors.js'
import type { CursorDisk } from './cursor-file.js'
import { codeOf } from './disk-error.js'
import type { LockOwner } from './lock.js'
import { processState } from './process-state.js'

/** The disk as `own`, a process of this machine, sees it. */
export const nodeDisk = (own: LockOwner): CursorDisk => ({
  create: createWhole,
  read: readRegularFile,
  replace: (path, text, check) => replaceFile(path, `${path}.${own.token}.tmp`, text, check),
  removeLeftovers,
  rename: renameOver,
  remove,
  touch,
  removeIf,
  stateOf: async (owner) => (owner.host === own.host ? processState(owner) : 'unknown'),
  ageMs,
  every(ms, work) {
    const timer = setInterval(work, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
})

/**
 * Links a complete draft, so the file appears with all of its text. A file that is opened and then
 * written could be read, or left, empty.
 */
async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`
  try {
    await writeDurably(draft, text)
    await patiently(() => linkOrWrite(draft, path, text))
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await remove(draft)
  }
}

/**
 * Some file systems (exFAT, many network mounts) have no hard links, and each system says so in its
 * own words: EPERM, ENOTSUP, ENOSYS, on Windows EISDIR. There the file is written in two steps.
 */
async function linkOrWrite(draft: string, path: string, text: string): Promise<void> {
  try {
    await link(draft, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw error
    await writeDurably(path, text)
  }
}

/**
 * On Windows a file that another program has open, such as a virus scanner or a backup, cannot be
 * replaced, removed or created again for a moment.
 */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const isBusy = process.platform === 'win32' && BUSY.has(codeOf(error) ?? '')
      if (!isBusy || attempt > MOST_RETRIES) throw error
      await setTimeout(attempt * RETRY_MS)
    }
  }
}

const BUSY: ReadonlySet<string> = new Set(['EACCES', 'EBUSY', 'EPERM'])
// Together 1.1 s.
const MOST_RETRIES = 10
const RETRY_MS = 20

const renameOver = (from: string, to: string): Promise<void> => patiently(() => rename(from, to))
const remove = (path: string): Promise<void> => patiently(() => rm(path, { force: true }))

async function readRegularFile(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path)
    // Reading a pipe would hang, and a save would replace a device by a file. A folder fails with
    // EISDIR below.
    if (!stats.isFile() && !stats.isDirectory())
      throw new CursorStoreError(`${path} is a device or a pipe: give the path of a file`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function replaceFile(
  path: string,
  temporary: string,
  text: string,
  check: () => Promise<void>,
): Promise<void> {
  await remove(temporary)
  try {
    await writeDurably(temporary, text)
    await check()
    await renameOver(temporary, path)
  } catch (error) {
    await remove(temporary).catch(() => {})
    throw error
  }
  await syncFolder(dirname(path))
}

const TOKEN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path)
  const [start, end] = [`${basename(path)}.`, '.tmp']
  const isOurs = (name: string) =>
    name.startsWith(start) &&
    name.endsWith(end) &&
    TOKEN.test(name.slice(start.length, -end.length))
  for (const name of await readdir(folder)) if (isOurs(name)) await remove(join(folder, name))
}

/**
 * Through one handle, so that a lock that replaces ours in between is not written. By a write, so
 * that the time is that of the volume: `utimes` would set that of this machine.
 */
async function touch(path: string, text: string): Promise<void> {
  const own = Buffer.from(text)
  const file = await open(path, 'r+')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(own.length + 1), 0)
    if (own.equals(buffer.subarray(0, bytesRead))) await file.write(own, 0, own.length, 0)
  } finally {
    await file.close()
  }
}

/** Compared with a file that is written now, since the clock of a network mount is another one. */
async function ageMs(path: string): Promise<number | undefined> {
  const probe = `${path}.${randomUUID()}`
  try {
    await writeDurably(probe, '')
    const [now, then] = [await stat(probe), await stat(path)]
    return now.mtimeMs - then.mtimeMs
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  } finally {
    await remove(probe)
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** What Windows and some network mounts answer: they cannot open a folder, or sync one. */
const NO_FOLDER_SYNC: ReadonlySet<string> = new Set([
  'EINVAL',
  'EISDIR',
  'ENOSYS',
  'ENOTSUP',
  'EPERM',
])

/** Makes a rename durable, where the system can. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(codeOf(error) ?? '')) throw error
  }
}

function removeIf(path: string, text: string): void {
  try {
    if (readFileSync(path, 'utf8') === text) unlinkSync(path)
  } catch {
    // It is removed already; or it stays, and the next process finds its owner dead.
  }
}
