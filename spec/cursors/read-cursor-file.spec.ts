import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileCursorStore, readCursorFile } from '../../src/cursors/file.js'
import { ConfigError, CursorStoreError } from '../../src/errors.js'

const folder = mkdtempSync(join(tmpdir(), 'read-cursor-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// Only Linux tells a process from a later one with its pid.
const RUNS = process.platform === 'linux' ? 'runs' : 'unknown'

describe('readCursorFile', () => {
  it('reads the position and the lock of a file in use, and changes neither', async () => {
    const path = join(folder, 'used.json')
    await using store = fileCursorStore(path)
    await store.save('stream', '24')
    const state = await readCursorFile(path)
    expect(state).toEqual({
      saved: { key: 'stream', position: '24', savedAt: statSync(path).mtime },
      lock: {
        pid: process.pid,
        host: hostname(),
        process: RUNS,
        touchedAt: statSync(`${path}.lock`).mtime,
      },
    })
    expect(await readCursorFile(path)).toEqual(state)
    await store.save('stream', '25')
    expect((await readCursorFile(path)).saved?.position).toBe('25')
  })

  it('has no lock when the store is closed, and nothing where nothing was saved', async () => {
    const path = join(folder, 'closed.json')
    expect(await readCursorFile(path)).toEqual({ saved: undefined, lock: undefined })
    const store = fileCursorStore(path)
    await store.load('stream')
    expect(await readCursorFile(path)).toMatchObject({ saved: undefined, lock: { process: RUNS } })
    await store.save('stream', '24')
    await store.close()
    expect((await readCursorFile(path)).lock).toBeUndefined()
  })

  it.each([
    [{ pid: 2 ** 30, host: hostname(), token: 't' }, { process: 'ended' }],
    [
      { pid: 1, host: 'elsewhere', token: 't' },
      { host: 'elsewhere', process: 'unknown' },
    ],
    ['', { pid: undefined, process: 'unknown' }],
  ])('says of the lock %j what it can', async (owner, lock) => {
    const path = join(folder, 'locked.json')
    writeFileSync(`${path}.lock`, JSON.stringify(owner))
    expect((await readCursorFile(path)).lock).toMatchObject(lock)
  })

  it('follows a link to the file and its lock', async () => {
    const [path, link] = [join(folder, 'real.json'), join(folder, 'link.json')]
    await using store = fileCursorStore(path)
    await store.save('stream', '24')
    symlinkSync(path, link)
    expect(await readCursorFile(link)).toEqual(await readCursorFile(path))
  })

  it('refuses another file, and a wrong option', async () => {
    const path = join(folder, 'other.json')
    writeFileSync(path, '{}')
    await expect(readCursorFile(path)).rejects.toThrow(CursorStoreError)
    expect(() => readCursorFile('')).toThrow(ConfigError)
    expect(() => readCursorFile(path, { host: '' })).toThrow(ConfigError)
  })
})
