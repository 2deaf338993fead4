import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import fsp from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { formatCursorDocument, parseCursorDocument } from '../../src/cursors/cursor-document.js'
import { CursorFile } from '../../src/cursors/cursor-file.js'
import {
  type FileCursorStore,
  type FileCursorStoreOptions,
  fileCursorStore,
} from '../../src/cursors/file.js'
import { nodeDisk } from '../../src/cursors/node-disk.js'
import { ConfigError, CursorStoreError } from '../../src/errors.js'
import { describeCursorStore } from '../../src/testing/describe-cursor-store.js'
import { onPlatform } from '../helpers/platform.js'

// As the store names it: `tmpdir` is a link on macOS, and a short name on Windows.
const root = realpathSync.native(mkdtempSync(join(tmpdir(), 'cursors-')))
// Windows has no pipes among its files, and makes links for administrators alone.
const itOnPosix = process.platform === 'win32' ? it.skip : it
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder = root
let path = ''
let stores: FileCursorStore[] = []

beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'))
  path = join(folder, 'cursor.json')
})

afterEach(async () => {
  jest.restoreAllMocks()
  for (const store of stores) await store.close()
  stores = []
})

function open(at = path, host?: string): FileCursorStore {
  const store = fileCursorStore(at, host === undefined ? {} : { host })
  stores.push(store)
  return store
}

async function failureOf(work: PromiseLike<unknown>): Promise<CursorStoreError> {
  try {
    await work
  } catch (error) {
    if (error instanceof CursorStoreError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describeCursorStore('fileCursorStore', (place) => fileCursorStore(join(root, place)))

describe('a file that cannot be trusted', () => {
  const whole = formatCursorDocument({ key: 'stream', position: '42' })
  const bad: readonly (readonly [name: string, text: string, says: RegExp])[] = [
    ['empty', '', /is empty.*restore it from a backup, or delete it/],
    ['blank', ' \n', /is empty/],
    ['full of zeros, as after a loss of power', '\0'.repeat(100), /torn or not JSON.*restore it/],
    ['garbage', '\u0001\u00ffgarbage', /torn or not JSON/],
    ['another JSON', '{"cursor": 42}', /is not a cursor file of this library.*a path of its own/],
    ['an array', '[]', /is not a cursor file/],
    ['null', 'null', /is not a cursor file/],
    ['a bare number, as other clients write it', '1725911162329308', /is not a cursor file/],
    [
      'of an older version',
      whole.replace('"version": 1', '"version": 0'),
      /is of version 0, from an older release.*delete the file/,
    ],
    [
      'of a newer version',
      whole.replace('"version": 1', '"version": 2'),
      /is of version 2, from a newer release.*update the package/,
    ],
    ['without a version', whole.replace('"version": 1', '"version": "1"'), /no readable `version`/],
    [
      'without a position',
      whole.replace('"position": "42"', '"position": 42'),
      /lacks its `key` or `position`/,
    ],
  ]

  it.each(bad)(
    '%s is an error at load and at save, and is left as it is',
    async (_, text, says) => {
      writeFileSync(path, text)
      for (const work of [open().load('stream'), open().save('stream', '1')]) {
        const error = await failureOf(work)
        expect(error.message).toMatch(says)
        expect(error.message).toContain(path)
      }
      expect(readFileSync(path, 'utf8')).toBe(text)
      expect(readdirSync(folder)).toEqual(['cursor.json'])
    },
  )

  it('torn at any byte is an error', async () => {
    // The last byte is a line feed: a file without it is whole.
    for (let length = 0; length < whole.length - 1; length++) {
      writeFileSync(path, whole.slice(0, length))
      expect((await failureOf(open().load('stream'))).message).toContain(path)
    }
    writeFileSync(path, whole)
    expect(await open().load('stream')).toBe('42')
  })

  it('of another stream is an error that names both, at load and at save', async () => {
    writeFileSync(path, whole)
    for (const work of [open().load('other'), open().save('other', '1')]) {
      const { message } = await failureOf(work)
      expect(message).toMatch(/belongs to the stream "stream", not to "other": give each stream/)
      expect(message).toMatch(/not to "other": give each stream its own file.*delete the file/)
      expect(message).toContain(path)
    }
    expect(await open().load('stream')).toBe('42')
  })

  it('of another stream is named briefly where its filter is long', async () => {
    writeFileSync(path, formatCursorDocument({ key: 'x'.repeat(300_000), position: '1' }))
    expect((await failureOf(open().load('y'.repeat(300_000)))).message.length).toBeLessThan(1_000)
  })
})

describe('what the disk refuses', () => {
  const codeOf = (error: CursorStoreError) => (error.cause as NodeJS.ErrnoException).code

  it('a missing folder is an error: an unmounted volume is no first start', async () => {
    const error = await failureOf(open(join(folder, 'missing', 'cursor.json')).load('stream'))
    expect(error.message).toMatch(
      /cannot find .*missing.*ENOENT.*create its folder, or mount the volume/,
    )
    expect(codeOf(error)).toBe('ENOENT')
    expect(readdirSync(folder)).toEqual([])
  })

  it('a path that is a folder is an error', async () => {
    mkdirSync(path)
    const error = await failureOf(open().load('stream'))
    expect([codeOf(error), error.message.includes(path)]).toEqual(['EISDIR', true])
    expect(readdirSync(folder)).toEqual(['cursor.json'])
  })

  itOnPosix('a path through a file is an error', async () => {
    writeFileSync(path, '')
    expect(codeOf(await failureOf(open(join(path, 'cursor.json')).load('stream')))).toBe('ENOTDIR')
  })

  itOnPosix('a cycle of links is an error', async () => {
    symlinkSync(join(folder, 'b'), path)
    symlinkSync(path, join(folder, 'b'))
    expect(codeOf(await failureOf(open().load('stream')))).toBe('ELOOP')
  })

  itOnPosix('a pipe is an error, and stays one', async () => {
    execFileSync('mkfifo', [path])
    expect((await failureOf(open().save('stream', '1'))).message).toMatch(/is a device or a pipe/)
    expect(lstatSync(path).isFIFO()).toBe(true)
    expect(readdirSync(folder)).toEqual(['cursor.json'])
  })

  it.each(['ENOSPC', 'EIO', 'EACCES', 'EROFS'])(
    '%s in a rename leaves the old file whole, and the next save works',
    async (code) => {
      const store = open()
      await store.save('stream', '1')
      const refusal = Object.assign(new Error(code), { code })
      const renamed = jest.spyOn(fsp, 'rename').mockRejectedValueOnce(refusal)
      const error = await failureOf(store.save('stream', '2'))
      expect(renamed).toHaveBeenCalledTimes(1)
      expect(error.cause).toBe(refusal)
      expect(error.message).toMatch(
        new RegExp(`cannot write the cursor file .*cursor.json \\(${code}\\): `),
      )
      expect(readdirSync(folder).sort()).toEqual(['cursor.json', 'cursor.json.lock'])
      expect(await store.load('stream')).toBe('1')
      await store.save('stream', '3')
      expect(await store.load('stream')).toBe('3')
    },
  )

  it.each(['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP'])(
    'a folder that answers fsync with %s is tolerated, since some platforms cannot',
    async (code) => {
      const store = open()
      await store.load('stream')
      const synced = failOpening(folder, code)
      await store.save('stream', '1')
      expect(synced).toHaveBeenCalledWith(folder, 'r')
      expect(await store.load('stream')).toBe('1')
    },
  )

  it('another error of the fsync of a folder is an error; the file is whole', async () => {
    const store = open()
    await store.load('stream')
    failOpening(folder, 'EIO')
    expect(codeOf(await failureOf(store.save('stream', '1')))).toBe('EIO')
    expect(await store.load('stream')).toBe('1')
  })

  it('leftover temporary files of earlier processes are removed, and no other files', async () => {
    const others = ['cursor.json.tmp', 'cursor.json.old.tmp', 'x.tmp']
    for (const name of [...others, `cursor.json.${randomUUID()}.tmp`])
      writeFileSync(join(folder, name), 'left')
    await open().save('stream', '1')
    expect(readdirSync(folder).sort()).toEqual(
      ['cursor.json', 'cursor.json.lock', ...others].sort(),
    )
  })

  function failOpening(at: string, code: string) {
    const real = fsp.open
    return jest.spyOn(fsp, 'open').mockImplementation(async (...args) => {
      if (args[0] === at) throw Object.assign(new Error(code), { code })
      return real(...args)
    })
  }
})

describe('a save that has resolved', () => {
  it('is on the disk: the text before the rename, the rename before the answer', async () => {
    const store = open()
    await store.load('stream')
    const probe = await fsp.open(folder)
    await probe.close()
    const calls: unknown[] = []
    const { sync } = Object.getPrototypeOf(probe)
    jest.spyOn(Object.getPrototypeOf(probe), 'sync').mockImplementation(function (
      this: typeof probe,
    ) {
      calls.push('sync')
      return sync.call(this)
    })
    const real = { open: fsp.open, rename: fsp.rename }
    jest.spyOn(fsp, 'open').mockImplementation((...args) => {
      calls.push(`open ${args[0]}`)
      return real.open(...args)
    })
    jest.spyOn(fsp, 'rename').mockImplementation((from, to) => {
      calls.push(`rename ${from} ${to}`)
      return real.rename(from, to)
    })
    await store.save('stream', '1')
    const { token } = JSON.parse(readFileSync(`${path}.lock`, 'utf8'))
    const temporary = `${path}.${token}.tmp`
    expect(calls).toEqual([
      `open ${temporary}`,
      'sync',
      `rename ${temporary} ${path}`,
      `open ${folder}`,
      'sync',
    ])
  })
})

describe('within one process', () => {
  it('a slow disk gets two writes for a thousand saves', async () => {
    const store = open()
    await store.load('stream')
    const real = fsp.rename
    const held = { go: () => {} }
    const started = new Promise<void>((resolve) => {
      jest.spyOn(fsp, 'rename').mockImplementationOnce(async (from, to) => {
        resolve()
        await new Promise<void>((go) => {
          held.go = go
        })
        await real(from, to)
      })
    })
    const first = store.save('stream', '0')
    await started
    const saves = Array.from({ length: 1_000 }, (_, n) => store.save('stream', `${n + 1}`))
    const loaded = open().load('stream')
    held.go()
    await first
    await Promise.all(saves)
    expect(fsp.rename).toHaveBeenCalledTimes(2)
    expect(await loaded).toBe('1000')
  })

  it('stores that are made inline and never closed share the file', async () => {
    for (let n = 0; n < 50; n++) {
      const store = open(n % 2 === 0 ? path : relative(process.cwd(), path))
      expect(await store.load('stream')).toBe(n === 0 ? undefined : `${n - 1}`)
      store.save('stream', `${n}`)
    }
  })

  it('a second stream on one path is refused before anything is saved', async () => {
    const one = open()
    expect(await one.load('one')).toBeUndefined()
    const { message } = await failureOf(open().load('two'))
    expect(message).toMatch(/belongs to the stream "one", not to "two"/)
    const saved = one.save('one', '1')
    await failureOf(open().save('two', '2'))
    await saved
    expect(await one.load('one')).toBe('1')
  })

  it('the lock ends with the last store on the file, and the next use takes it', async () => {
    const [one, two, never] = [open(), open(), open()]
    await never.close()
    await one.save('stream', '1')
    await two.load('stream')
    await failureOf(open().load('other'))
    await one.close()
    expect(existsSync(`${path}.lock`)).toBe(true)
    await Promise.all([two.close(), two.close()])
    expect(readdirSync(folder)).toEqual(['cursor.json'])
    await one.save('stream', '2')
    expect(existsSync(`${path}.lock`)).toBe(true)
    await one.close()
    expect(readdirSync(folder)).toEqual(['cursor.json'])
  })

  it('close waits for what is being saved', async () => {
    {
      await using store = fileCursorStore(path)
      store.save('stream', '1')
      store.save('stream', '2')
    }
    expect(readdirSync(folder)).toEqual(['cursor.json'])
    expect(await open().load('stream')).toBe('2')
  })

  it('one exit listener serves all stores, and is removed with the last', async () => {
    const before = process.listenerCount('exit')
    for (let n = 0; n < 20; n++) await open(`${path}${n}`).save('stream', '1')
    expect(process.listenerCount('exit')).toBe(before + 1)
    for (const store of stores) await store.close()
    expect(process.listenerCount('exit')).toBe(before)
  })

  itOnPosix('a link is followed and kept, also one to a file that is not there yet', async () => {
    mkdirSync(join(folder, 'far'))
    symlinkSync(join('far', 'real.json'), path)
    await open().save('stream', '1')
    expect(lstatSync(path).isSymbolicLink()).toBe(true)
    expect(readdirSync(join(folder, 'far')).sort()).toEqual(['real.json', 'real.json.lock'])
    expect(await open(join(folder, 'far', 'real.json')).load('stream')).toBe('1')
    await failureOf(open().load('other'))
    expect(await open().load('stream')).toBe('1')
  })

  it('an empty path or host is a mistake at the call', () => {
    expect(() => fileCursorStore('')).toThrow(ConfigError)
    expect(() => fileCursorStore('', { host: '' })).toThrow(
      /`path` must not be empty, not "".*`host` must not be empty, not ""/s,
    )
  })

  it('an option that does not exist is a mistake at the call', () => {
    const options = { hots: 'one' } as FileCursorStoreOptions
    expect(() => fileCursorStore(path, options)).toThrow(/`hots` is not an option/)
  })
})

describe('a lock that is not ours', () => {
  const lock = (owner: object) =>
    writeFileSync(`${path}.lock`, JSON.stringify({ token: 't', ...owner }))

  /** Makes the lock as old as if it had not been touched for so long. */
  const age = (seconds: number) => {
    const then = Date.now() / 1000 - seconds
    utimesSync(`${path}.lock`, then, then)
  }

  // Above the largest pid of any system: dead here, which says nothing of there.
  it.each([1, 999_999_999])(
    'of another host is refused at once, with the seconds left and the remedy: pid %d',
    async (pid) => {
      lock({ pid, host: 'elsewhere' })
      age(30)
      const { message } = await failureOf(open().load('stream'))
      expect(message).toMatch(/in use by process \d+ on elsewhere: /)
      const [, left] = /if it was killed, start again in (\d+) s, /.exec(message) ?? []
      expect([Number(left) > 0, Number(left) <= 31]).toEqual([true, true])
      expect(message).toMatch(/takes over at once if both have the same `host` \(--cursor-host\)/)
      expect(readdirSync(folder)).toEqual(['cursor.json.lock'])
    },
  )

  it('of another host is taken over after a minute without a touch, with a warning', async () => {
    writeFileSync(path, formatCursorDocument({ key: 'stream', position: '42' }))
    lock({ pid: 1, host: 'elsewhere' })
    age(61)
    const warn = jest.fn()
    await using store = fileCursorStore(path, { log: { warn } })
    expect(await store.load('stream')).toBe('42')
    expect(warn.mock.calls).toEqual([
      [
        `the lock of the cursor file ${path} was taken over from process 1 on elsewhere, which ` +
          'has not touched it for a minute; if it still runs, its next save fails',
      ],
    ])
    await store.save('stream', '43')
    expect(readdirSync(folder).sort()).toEqual(['cursor.json', 'cursor.json.lock'])
  })

  it('has its age by the clock of the volume, not by that of this machine', async () => {
    lock({ pid: 1, host: 'elsewhere' })
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000)
    expect((await failureOf(open().load('stream'))).message).toMatch(/on elsewhere/)
  })

  it('of an earlier container with the same name and pid is taken over', async () => {
    if (!existsSync('/proc/self/stat')) return
    lock({ pid: process.pid, host: 'ingester', start: 'another boot:1' })
    const warn = jest.fn()
    await using store = fileCursorStore(path, { host: 'ingester', log: { warn } })
    expect(await store.load('stream')).toBeUndefined()
    const owner = `process ${process.pid} on ingester`
    expect(warn.mock.calls).toEqual([
      [`the lock of the cursor file ${path} was taken over from ${owner}, which no longer runs`],
    ])
  })

  it('of a living process is refused, also of another thread or copy in it', async () => {
    const store = open(path, 'here')
    await store.load('stream')
    const { start } = JSON.parse(readFileSync(`${path}.lock`, 'utf8'))
    await store.close()
    lock({ pid: process.pid, host: 'here', start })
    expect((await failureOf(open(path, 'here').load('stream'))).message).toContain(
      `process ${process.pid} on here`,
    )
  })

  it('that was not written by us is refused, and left to a person', async () => {
    const text = 'garbage'
    writeFileSync(`${path}.lock`, text)
    age(3600)
    expect((await failureOf(open().load('stream'))).message).toMatch(
      /an unknown process \(its lock cannot be read\)/,
    )
    expect(readFileSync(`${path}.lock`, 'utf8')).toBe(text)
  })

  it('any more, because it was deleted or replaced under us, stops loads and saves', async () => {
    const store = open()
    await store.save('stream', '1')
    rmSync(`${path}.lock`)
    expect((await failureOf(store.save('stream', '2'))).message).toMatch(
      /was taken from this process and is missing/,
    )
    lock({ pid: 7, host: 'elsewhere' })
    expect((await failureOf(store.save('stream', '2'))).message).toMatch(
      /now belongs to process 7 on elsewhere/,
    )
    await failureOf(store.load('stream'))
    await store.close()
    expect(readFileSync(`${path}.lock`, 'utf8')).toContain('elsewhere')
    expect(JSON.parse(readFileSync(path, 'utf8')).position).toBe('1')
  })

  it('that is empty is that of a process killed on the way, and ages', async () => {
    writeFileSync(`${path}.lock`, '')
    expect((await failureOf(open().load('stream'))).message).toMatch(
      /an unknown process \(its lock is empty\).*start again in \d+ s/,
    )
    age(61)
    expect(await fileCursorStore(path, { log: false }).load('stream')).toBeUndefined()
  })

  it.each(['EPERM', 'ENOTSUP', 'ENOSYS', 'EISDIR', 'EACCES'])(
    'is taken where the file system has no hard links, and answers %s',
    async (code) => {
      const linked = jest
        .spyOn(fsp, 'link')
        .mockRejectedValue(Object.assign(new Error(code), { code }))
      await open().save('stream', '1')
      expect(linked).toHaveBeenCalled()
      expect(readdirSync(folder).sort()).toEqual(['cursor.json', 'cursor.json.lock'])
    },
  )
})

describe('on Windows', () => {
  const busy = (code: string) => Object.assign(new Error(code), { code })

  it.each(['EPERM', 'EACCES', 'EBUSY'])(
    'a save waits for a program that has the file open for a moment: %s',
    async (code) => {
      const store = open()
      await store.save('stream', '1')
      const renamed = jest.spyOn(fsp, 'rename')
      renamed.mockRejectedValueOnce(busy(code)).mockRejectedValueOnce(busy(code))
      await onPlatform('win32', () => store.save('stream', '2'))
      expect(renamed).toHaveBeenCalledTimes(3)
      expect(await store.load('stream')).toBe('2')
    },
  )

  it('a file that stays open is an error in the end, and the old file is whole', async () => {
    const store = open()
    await store.save('stream', '1')
    const renamed = jest.spyOn(fsp, 'rename').mockRejectedValue(busy('EBUSY'))
    const { message } = await failureOf(onPlatform('win32', () => store.save('stream', '2')))
    expect(message).toMatch(/\(EBUSY\): close the program that has it open/)
    expect(renamed.mock.calls.length).toBeGreaterThan(5)
    renamed.mockRestore()
    expect(await store.load('stream')).toBe('1')
  })
})

describe('two processes on two hosts, one file', () => {
  const TICK_MS = 10_000

  beforeEach(() => {
    const others = ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask', 'Date'] as const
    jest.useFakeTimers({ doNotFake: [...others, 'clearTimeout', 'clearImmediate', 'performance'] })
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  function processOn(host: string) {
    const owner = { pid: process.pid, host, token: randomUUID() }
    const warn = jest.fn()
    const file = new CursorFile(
      nodeDisk(owner),
      path,
      `${JSON.stringify(owner)}\n`,
      { warn },
      () => {},
    )
    file.claim(Symbol(host), { key: 'stream' })
    const save = (position: string) => file.save({ key: 'stream', position })
    return { file, warn, save, load: () => file.load('stream') }
  }

  const isOld = (seconds: number) => Date.now() - statSync(`${path}.lock`).mtimeMs > seconds * 1000
  const sleep = (seconds: number) => {
    const then = Date.now() / 1000 - seconds
    utimesSync(`${path}.lock`, then, then)
  }
  const kept = () => parseCursorDocument(readFileSync(path, 'utf8'), path).position

  it('the holder touches its lock every ten seconds, also when nothing is saved', async () => {
    const one = processOn('one')
    await one.load()
    const text = readFileSync(`${path}.lock`, 'utf8')
    sleep(50)
    jest.advanceTimersByTime(TICK_MS - 1)
    expect(isOld(49)).toBe(true)
    jest.advanceTimersByTime(1)
    // It waits for a touch under way.
    await one.file.leave(Symbol('nobody'))
    expect([isOld(49), readFileSync(`${path}.lock`, 'utf8')]).toEqual([false, text])
    one.file.release()
    expect(jest.getTimerCount()).toBe(0)
  })

  it('the second is refused while the first lives, also if it was stopped for 30 s', async () => {
    const [one, two] = [processOn('one'), processOn('two')]
    await one.save('1')
    sleep(TICK_MS / 1000 + 30)
    await expect(two.load()).rejects.toThrow(/in use by process \d+ on one/)
    await one.save('2')
    expect([kept(), two.warn.mock.calls]).toEqual(['2', []])
    one.file.release()
  })

  it('who wakes after a takeover fails its next save, and writes nothing', async () => {
    const [one, two] = [processOn('one'), processOn('two')]
    await one.save('1')
    sleep(61)
    expect(await two.load()).toBe('1')
    await two.save('2')
    expect(two.warn).toHaveBeenCalledTimes(1)
    await expect(one.save('3')).rejects.toThrow(/was taken from this process.*process \d+ on two/)
    sleep(50)
    const lock = readFileSync(`${path}.lock`, 'utf8')
    one.file.touch()
    await one.file.leave(Symbol('nobody'))
    expect([isOld(49), readFileSync(`${path}.lock`, 'utf8') === lock]).toEqual([true, true])
    expect([kept(), readdirSync(folder).sort()]).toEqual(['2', ['cursor.json', 'cursor.json.lock']])
    one.file.release()
    expect(readFileSync(`${path}.lock`, 'utf8')).toBe(lock)
    two.file.release()
  })

  it('who sleeps between its last check and the rename of a save renames nothing', async () => {
    const [one, two] = [processOn('one'), processOn('two')]
    await one.save('1')
    const real = fsp.rename
    let wake = () => {}
    const asleep = new Promise<void>((resolve) => {
      jest.spyOn(fsp, 'rename').mockImplementationOnce(async (from, to) => {
        await new Promise<void>((go) => {
          wake = go
          resolve()
        })
        await real(from, to)
      })
    })
    const late = one.save('late')
    late.catch(() => {})
    await asleep
    sleep(61)
    expect(await two.load()).toBe('1')
    wake()
    await expect(late).rejects.toThrow(CursorStoreError)
    expect(await two.load()).toBe('1')
    await two.save('2')
    expect(kept()).toBe('2')
    for (const { file } of [one, two]) file.release()
  })
})
