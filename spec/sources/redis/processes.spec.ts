import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createClient } from '@redis/client'
import { buildSync } from 'esbuild'
import { integer, random } from '../../../src/testing/generate/random.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { temporaryFolder } from '../../socket/bundle.js'
import { numbers, pendingIn, until } from './stream.js'

const ROOT = resolve(__dirname, '../../..')
const folder = temporaryFolder()
const program = join(folder.path, 'redis-child.cjs')
const children = new Set<ChildProcess>()

beforeAll(() => {
  buildSync({
    entryPoints: [join(__dirname, 'worker-child.ts')],
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

/** One thing that a worker handled. */
interface Handled {
  readonly consumer: string
  readonly did: string
  readonly n: number
}

// When a process that says nothing has lost its lease and its entries: soon; and so late that one
// on a busy machine keeps them.
const HASTY_MS = 600
const PATIENT_MS = 1500

class Fleet {
  constructor(
    readonly server: RedisServer,
    readonly partitions: number,
    readonly patienceMs = HASTY_MS,
  ) {}

  start(consumer: string, workMs = 1): ChildProcess {
    const child = spawn(
      process.execPath,
      [
        program,
        ...[this.server.url, consumer, `${this.partitions}`, `${workMs}`, `${this.patienceMs}`],
      ],
      {
        stdio: ['pipe', 'inherit', 'inherit'],
      },
    )
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }

  async handled(): Promise<readonly Handled[]> {
    return (await this.server.cli('LRANGE', 'handled', '0', '-1'))
      .split('\r\n')
      .filter((line) => / did:plc:/.test(line))
      .map((line) => {
        const [consumer = '', did = '', n = ''] = line.split(' ')
        return { consumer, did, n: Number(n) }
      })
  }

  get streams(): readonly string[] {
    return this.partitions === 0
      ? ['s']
      : numbers(0, this.partitions).map((partition) => `s{${partition}}`)
  }

  async pending(): Promise<number> {
    const each = await Promise.all(this.streams.map((stream) => pendingIn(this.server, stream)))
    return each.reduce((sum, count) => sum + count, 0)
  }

  /** Whether each of the numbers below `count` was handled, and all is acked. */
  async isDone(count: number): Promise<boolean> {
    return (
      new Set((await this.handled()).map(({ n }) => n)).size === count &&
      (await this.pending()) === 0
    )
  }

  /** Twelve DIDs; each in one partition. */
  async write(from: number, to: number): Promise<void> {
    const client = await createClient({ url: this.server.url })
      .on('error', () => {})
      .connect()
    for (let n = from; n < to; n += 1) {
      const stream = this.streams[(n % 12) % this.streams.length] ?? ''
      await client.sendCommand([
        'XADD',
        stream,
        '*',
        'event',
        JSON.stringify({ did: `did:plc:${n % 12}`, n }),
      ])
    }
    client.destroy()
  }

  /** In good order, or not. */
  async end(child: ChildProcess, signal?: 'SIGKILL'): Promise<void> {
    const ended = once(child, 'exit')
    if (signal === undefined) child.stdin?.end()
    else child.kill(signal)
    expect(await ended).toEqual(signal === undefined ? [0, null] : [null, signal])
  }
}

/** For each DID every event is handled behind all before it; one that comes again came before. */
function expectOrdered(handled: readonly Handled[]): void {
  const last = new Map<string, number>()
  for (const { did, n } of handled) {
    const before = last.get(did) ?? -1
    // The next one of this DID, or one that was handled already.
    expect([before + 12, ...(n <= before ? [n] : []), ...(before === -1 ? [n] : [])]).toContain(n)
    last.set(did, Math.max(before, n))
  }
}

// Quiet, each is done within some seconds; where the machine is busy, a program takes that long to
// start.
describeRedis('the processes of a group', () => {
  it('take over the entries of a killed one, and each entry is handled', async () => {
    await using server = await redisServer()
    const fleet = new Fleet(server, 0)
    await fleet.write(0, 600)
    const victim = fleet.start('victim', 20)
    await until(async () => (await fleet.handled()).length > 30)
    await fleet.end(victim, 'SIGKILL')
    const left = await fleet.pending()
    expect(left).toBeGreaterThan(0)
    const heir = fleet.start('heir')
    await until(() => fleet.isDone(600))
    const handled = await fleet.handled()
    expect(handled.filter(({ consumer }) => consumer === 'victim').length).toBeGreaterThan(30)
    await fleet.end(heir)
    expect(await server.cli('EXISTS', 's:dead')).toBe(':0')
  }, 180_000)

  it('take no entry from one that is slow but alive', async () => {
    await using server = await redisServer()
    const fleet = new Fleet(server, 0, PATIENT_MS)
    await fleet.write(0, 8)
    // Each takes longer than `claimIdleMs`.
    const slow = fleet.start('slow', PATIENT_MS + 500)
    await until(async () => (await fleet.pending()) === 8)
    const idle = fleet.start('idle')
    await fleet.write(8, 18)
    await until(() => fleet.isDone(18))
    const handled = await fleet.handled()
    expect(handled).toHaveLength(18)
    expect(handled.filter(({ n, consumer }) => n < 8 && consumer !== 'slow')).toEqual([])
    await fleet.end(slow)
    await fleet.end(idle)
  }, 180_000)

  it('share partitions as they come and go, in the order of each DID, nothing twice', async () => {
    await using server = await redisServer()
    const fleet = new Fleet(server, 4, PATIENT_MS)
    await fleet.write(0, 300)
    const one = fleet.start('one', 2)
    await until(async () => (await fleet.handled()).length > 60)
    const two = fleet.start('two', 2)
    const three = fleet.start('three', 2)
    let written = 300
    const busy = async (consumers: readonly string[]) => {
      const from = (await fleet.handled()).length
      await until(async () => {
        await fleet.write(written, written + 12)
        written += 12
        const fresh = new Set((await fleet.handled()).slice(from).map(({ consumer }) => consumer))
        return consumers.every((consumer) => fresh.has(consumer))
      })
    }
    await busy(['one', 'two', 'three'])
    await fleet.end(one)
    await busy(['two', 'three'])
    await fleet.end(two)
    await fleet.end(three)
    const four = fleet.start('four')
    await until(() => fleet.isDone(written))
    await fleet.end(four)
    const handled = await fleet.handled()
    expectOrdered(handled)
    expect(handled).toHaveLength(written)
  }, 180_000)

  it('share partitions with ones stopped beyond a lease, in the order of each DID', async () => {
    await using server = await redisServer()
    const fleet = new Fleet(server, 2)
    const both = ['one', 'two'].map((name) => fleet.start(name, 2))
    let written = 0
    for (const stopped of [...both, ...both]) {
      const before = (await fleet.handled()).length
      await fleet.write(written, written + 120)
      await until(async () => (await fleet.handled()).length > before + 40)
      stopped.kill('SIGSTOP')
      // The other one takes over, and reads what comes meanwhile.
      await fleet.write(written + 120, written + 240)
      written += 240
      await until(() => fleet.isDone(written))
      stopped.kill('SIGCONT')
    }
    expectOrdered(await fleet.handled())
    for (const child of both) await fleet.end(child)
    expect(await server.cli('EXISTS', 's{0}:dead', 's{1}:dead')).toBe(':0')
  }, 180_000)

  it('share partitions among killed ones: every entry is handled, in its DID’s order', async () => {
    await using server = await redisServer()
    const fleet = new Fleet(server, 3)
    const next = random(20261121)
    const ROUNDS = 4
    let name = 0
    const alive = [fleet.start(`c${name++}`, 2), fleet.start(`c${name++}`, 2)]
    let written = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      // Counted before: they begin while it is being written.
      const goal = (await fleet.handled()).length + 20 + integer(next, 40)
      await fleet.write(written, written + 120)
      written += 120
      await until(async () => (await fleet.handled()).length >= goal)
      const [victim] = alive.splice(integer(next, 2), 1)
      if (victim !== undefined) await fleet.end(victim, 'SIGKILL')
      alive.push(fleet.start(`c${name++}`, 2))
    }
    await until(() => fleet.isDone(written))
    expectOrdered(await fleet.handled())
    for (const child of alive) await fleet.end(child)
    expect(name).toBe(ROUNDS + 2)
  }, 180_000)
})
