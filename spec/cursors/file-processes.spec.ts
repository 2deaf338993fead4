import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buildSync } from 'esbuild'
import { parseCursorDocument } from '../../src/cursors/cursor-document.js'
import { integer, random } from '../../src/testing/generate/random.js'

const root = mkdtempSync(join(tmpdir(), 'cursors-'))
const program = join(root, 'cursor-child.cjs')
const children = new Set<ChildProcessWithoutNullStreams>()
let folder = root
let path = ''

beforeAll(() => {
  buildSync({
    entryPoints: [join(__dirname, 'cursor-child.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
  })
})

beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'))
  path = join(folder, 'cursor.json')
})

afterEach(async () => {
  for (const child of children) await kill(child)
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A child and what it tells, line by line. */
function start(task: string, at = path, shell?: string) {
  const command = [process.execPath, program, task, at] as const
  const child =
    shell === undefined
      ? spawn(command[0], command.slice(1))
      : spawn('sh', ['-c', `${shell}; exec "$@"`, 'sh', ...command])
  children.add(child)
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child)
    return signal ?? code
  })
  let complaints = ''
  child.stderr.on('data', (text) => {
    complaints += text
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the child told nothing more: ${complaints}`)
    return value
  }
  return { child, ended, next }
}

async function kill(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

const positionOf = (at = path) => Number(parseCursorDocument(readFileSync(at, 'utf8'), at).position)

describe('one cursor file and several processes', () => {
  it('refuses a second one while the first lives; kill -9 lets a third take over', async () => {
    const first = start('hold')
    expect(await first.next()).toBe('loaded undefined')
    const second = start('load')
    const { pid } = first.child
    expect(await second.next()).toMatch(
      new RegExp(
        `^refused the cursor file ${path} is in use by process ${pid} on .+: give this process`,
      ),
    )
    expect(await second.ended).toBe(0)

    first.child.kill('SIGKILL')
    expect(await first.ended).toBe('SIGKILL')
    expect(readdirSync(folder)).toEqual(['cursor.json.lock'])
    const third = start('load')
    expect(await third.next()).toBe('loaded undefined')
    expect(await third.ended).toBe(0)
  })

  it('keeps the lock of a process that is stopped, not dead', async () => {
    const first = start('hold')
    await first.next()
    first.child.kill('SIGSTOP')
    expect(await start('load').next()).toMatch(/^refused/)
  })

  it('takes the lock of a process that is dead, though nobody has reaped it', async () => {
    if (!existsSync('/proc/self/stat')) return
    // The parent of the counter is `sleep`, which reaps nobody.
    const shell = ['-c', '"$@" & exec sleep 600', 'sh', process.execPath, program, 'count', path]
    const parent = spawn('sh', shell)
    children.add(parent)
    const ended = once(parent, 'close')
    await once(parent.stdout, 'data')
    const { pid } = JSON.parse(readFileSync(`${path}.lock`, 'utf8'))
    process.kill(pid, 'SIGKILL')
    const state = () => readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '')[0]
    while (state() !== 'Z') await new Promise(setImmediate)
    expect(await start('load').next()).toMatch(/^loaded \d+$/)
    expect(state()).toBe('Z')
    parent.kill('SIGKILL')
    await ended
  })

  it('ends by itself without a close, and releases the lock', async () => {
    const one = start('load')
    expect(await one.next()).toBe('loaded undefined')
    expect(await one.ended).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  it('has one winner where many find the lock of a dead process at once', async () => {
    const dead = start('hold')
    await dead.next()
    await kill(dead.child)
    const racers = Array.from({ length: 6 }, () => start('hold-at-go'))
    for (const { next } of racers) expect(await next()).toBe('ready')
    for (const { child } of racers) child.stdin.write('go\n')
    const told = await Promise.all(racers.map(({ next }) => next()))
    expect(told.filter((line) => line === 'loaded undefined')).toHaveLength(1)
    expect(told.filter((line) => line.startsWith('refused'))).toHaveLength(5)
    expect(readdirSync(folder)).toEqual(['cursor.json.lock'])
  })

  it('is readable and never goes back, killed twenty times while saving', async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    const next = random(seed)
    let reached = 0
    for (let round = 0; round < 20; round++) {
      const counter = start('count')
      let durable = 0
      for (let lines = integer(next, 12) + 1; lines > 0; lines--)
        durable = Number((await counter.next()).replace('saved ', ''))
      // Some turns of the event loop later the child is anywhere between two lines.
      for (let turns = integer(next, 2_000); turns > 0; turns--)
        await new Promise((resolve) => setImmediate(resolve))
      counter.child.kill('SIGKILL')
      expect(await counter.ended).toBe('SIGKILL')
      const position = positionOf()
      const where = `seed ${seed}, round ${round}`
      expect({ where, kept: position >= durable, forward: durable > reached }).toEqual({
        where,
        kept: true,
        forward: true,
      })
      reached = position
      const temporary = readdirSync(folder).filter((name) => name.endsWith('.tmp'))
      expect(temporary.length).toBeLessThanOrEqual(1)
      expect(['cursor.json', 'cursor.json.lock', ...temporary]).toEqual(
        expect.arrayContaining(readdirSync(folder)),
      )
    }
  })
})

describe('a disk that has no room', () => {
  const expected = async ({ next, ended }: ReturnType<typeof start>, at: string, code: string) => {
    expect(await next()).toMatch(
      new RegExp(
        `^refused cannot write the cursor file ${at} \\(${code}\\): .*the old position is intact`,
      ),
    )
    expect(await next()).toBe('loaded small')
    expect(await next()).toBe('loaded small again')
    expect(await ended).toBe(0)
  }

  it('EFBIG during a write keeps the old file, no temporary one; the next save works', async () => {
    await expected(start('fill', path, 'ulimit -f 8'), path, 'EFBIG')
    expect(readdirSync(folder)).toEqual(['cursor.json'])
  })

  it('ENOSPC does so too (where a small disk can be mounted)', async () => {
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    if (!mounted(disk)) {
      console.warn('skipped: this machine does not let us mount a small disk')
      return
    }
    try {
      const at = join(disk, 'cursor.json')
      await expected(start('fill', at), at, 'ENOSPC')
      expect(readdirSync(disk)).toEqual(['cursor.json'])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  function mounted(at: string): boolean {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }
})
