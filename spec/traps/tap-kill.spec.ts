import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'
import { integer, random } from '../../src/testing/generate/random.js'
import { type FakeTap, fakeTap } from '../../src/testing/index.js'
import { temporaryFolder } from '../socket/bundle.js'
import { record } from '../sources/tap/tapped.js'

const ROOT = resolve(__dirname, '../..')
const EVENTS = 120
const DIDS = 10

const folder = temporaryFolder()
const program = join(folder.path, 'tap-child.cjs')
const children = new Set<ChildProcess>()
let files = 0

beforeAll(() => {
  buildSync({
    entryPoints: [join(__dirname, 'tap-child.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
    alias: { '#socket': join(ROOT, 'src/socket/node.ts') },
  })
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
})
afterAll(() => folder[Symbol.dispose]())

// Every third event is backfill, the others are live.
const all = Array.from({ length: EVENTS }, (_, index) =>
  record(`did:plc:${String(index % DIDS).padStart(24, 'a')}`, `k${index + 1}`, index % 3 > 0),
)

class Run {
  readonly path = join(folder.path, `handled-${++files}`)

  constructor(readonly tap: FakeTap) {
    writeFileSync(this.path, '')
  }

  /** What handlers finished, in order. */
  get handled(): readonly string[] {
    return readFileSync(this.path, 'utf8').split('\n').filter(Boolean)
  }

  get acked(): readonly string[] {
    return this.tap.acks.map(({ id }) => `k${id}`)
  }

  start(dies: string, after = 0): ChildProcess {
    const child = spawn(process.execPath, [program, this.tap.url, this.path, dies, String(after)], {
      stdio: ['pipe', 'inherit', 'inherit'],
    })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }

  /**
   * A new process that works off what is left: what died in the other one comes again by the
   * server's timer.
   */
  async finish(): Promise<void> {
    const child = this.start('never')
    await this.tap.drained()
    child.stdin?.end()
    expect(await once(child, 'exit')).toEqual([0, null])
  }

  /** Nothing acked is missing from what handlers finished. */
  expectHonest(): void {
    const handled = new Set(this.handled)
    expect(this.acked.filter((key) => !handled.has(key))).toEqual([])
  }

  /** Each event, and in each repository every live one after all before it. */
  expectComplete(): void {
    expect(new Set(this.handled)).toEqual(new Set(all.map(({ rkey }) => rkey)))
    expect(this.tap.acks.filter(({ stray, delivery }) => stray || delivery === 0)).toEqual([])
  }
}

describe('kill -9', () => {
  it.each([
    ['between receipt and the end of the handler', 'in the midst'],
    ['between the end of the handler and the ack', 'at the end'],
  ])(
    '%s: a new process gets every event, and nothing acked was unhandled',
    async (_, dies) => {
      await using tap = await fakeTap({ events: all, retryTimeoutMs: 200 })
      const run = new Run(tap)
      for (const after of [1, 17, 40]) {
        const child = run.start(dies, after)
        expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
        run.expectHonest()
      }
      expect(tap.outbox.length).toBeGreaterThan(0)
      // The last one that ended was not acked: it comes again.
      if (dies === 'at the end') expect(run.acked).not.toContain(run.handled.at(-1))
      await run.finish()
      run.expectHonest()
      run.expectComplete()
      if (dies === 'at the end') expect(run.handled.length).toBeGreaterThan(EVENTS)
    },
    60_000,
  )

  it('at any moment, and of the server too', async () => {
    const next = random(7)
    await using tap = await fakeTap({ events: all, retryTimeoutMs: 200 })
    const run = new Run(tap)
    for (let round = 1; round <= 4; round += 1) {
      const child = run.start('never')
      const before = tap.acks.length
      const wanted = before + integer(next, 20)
      await tap.when(
        () =>
          tap.connections.length >= round && (tap.acks.length >= wanted || tap.outbox.length === 0),
      )
      child.kill('SIGKILL')
      await once(child, 'exit')
      run.expectHonest()
      if (round % 2 === 0) tap.restart({ forgetAcks: 3 })
    }
    await run.finish()
    run.expectHonest()
    run.expectComplete()
  }, 60_000)
})
