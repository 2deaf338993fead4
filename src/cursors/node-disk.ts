import { randomUUID } from 'node:crypto'
import { readFileSync, unlinkSync } from 'node:fs'
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
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
  rename,
  remove: (path) => rm(path, { force: true }),
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
    await link(draft, path).catch((error: unknown) => {
      // Some file systems (exFAT, many network mounts) have no hard links: write without atomicity.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error
      return writeDurably(path, text)
    })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

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
  await rm(temporary, { force: true })
  try {
    await writeDurably(temporary, text)
    await check()
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
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
  for (const name of await readdir(folder))
    if (isOurs(name)) await rm(join(folder, name), { force: true })
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
    await rm(probe, { force: true })
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

/** Makes a rename durable. Not every platform can open or sync a folder. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    if (!['EPERM', 'EISDIR', 'EINVAL'].includes(codeOf(error) ?? '')) throw error
  }
}

function removeIf(path: string, text: string): void {
  try {
    if (readFileSync(path, 'utf8') === text) unlinkSync(path)
  } catch {
    // It is removed already; or it stays, and the next process finds its owner dead.
  }
}
