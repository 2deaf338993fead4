import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createClient } from '@redis/client'
import { buildSync } from 'esbuild'
import { exhaustMap, filter, firstValueFrom, throwError, timeout, timer } from 'rxjs'
import { integer, pick } from '../../src/testing/generate/random.js'
import {
  type FakeFirehose,
  fakeFirehose,
  generateCommits,
  random,
} from '../../src/testing/index.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { runs } from '../helpers/thick.js'
import { temporaryFolder } from '../socket/bundle.js'
import { GROUP, type Named, nameOf, namesIn, PARTITIONS, STREAM, WORKED } from './redis-kill.js'

const ROOT = resolve(__dirname, '../..')
const SEED = Number(process.env.SEED ?? 6)
const WORKERS = 3
const MESSAGES_PER_SECOND = 250
// How many events may be worked on between two kills.
const MOST_BETWEEN = 60
// So many that each partition has some.
const REPOS = 100
const STUCK_AFTER_MS = 120_000

const folder = temporaryFolder()

beforeAll(() => {
  buildSync({
    entryPoints: ['ingester', 'worker'].map((name) =>
      join(__dirname, `redis-kill-${name}-child.ts`),
    ),
    outdir: folder.path,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    logLevel: 'error',
    alias: {
      '#socket': join(ROOT, 'src/socket/node.ts'),
      '#sha256': join(ROOT, 'src/atproto/sha256-node.ts'),
      '#zstd': join(ROOT, 'src/zstd/node.ts'),
      '#schema': join(ROOT, 'src/options/schema/node.ts'),
      '#lazy': join(ROOT, 'src/sources/jetstream/lazy/wires.ts'),
      '#parts': join(ROOT, 'src/live/parts/at-hand.ts'),
      '#jetstream': join(ROOT, 'src/sources/jetstream/parts/at-hand.ts'),
    },
  })
})
afterAll(() => folder[Symbol.dispose]())

type Ids = 'position' | 'redis'

/** A process that can be killed, and what it has in hand. */
abstract class Victim {
  protected child: ChildProcess | undefined

  constructor(protected readonly pipe: Pipe) {}

  start(): void {
    this.child = this.fork()
  }

  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined) throw new Error('it does not run')
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    expect(await exited).toEqual([null, 'SIGKILL'])
  }

  stop(): void {
    this.child?.kill('SIGKILL')
  }

  protected fork(): ChildProcess {
    return fork(join(folder.path, `redis-kill-${this.program}-child.cjs`), [...this.arguments], {
      execArgv: [],
    })
  }

  protected abstract readonly program: string
  abstract readonly title: string
  protected abstract readonly arguments: readonly string[]
  /** How much it is to have when it is killed, at least. */
  abstract readonly leastInHand: number
  /**
   * How much it has received that is not settled. After its death that is what was in hand when it
   * died.
   */
  abstract inHand(): Promise<number>
}

class Ingester extends Victim {
  protected readonly program = 'ingester'
  readonly title = 'ingester'
  #received = 0

  protected get arguments(): readonly string[] {
    return [this.pipe.server.url, this.pipe.redis.url, this.pipe.ids]
  }

  override start(): void {
    super.start()
    this.#received = 0
    this.child?.on('message', (cursor) => {
      this.#received = Number(cursor)
    })
  }

  /**
   * More than it received in the time that a write takes, so that some is written and some is not.
   */
  get leastInHand(): number {
    return 4 + integer(this.pipe.next, 8)
  }

  /** Received, and beyond the checkpoint: written or not, the next one will see it again. */
  async inHand(): Promise<number> {
    return this.#received - (await this.pipe.checkpoint())
  }
}

class Worker extends Victim {
  protected readonly program = 'worker'
  readonly leastInHand = 1
  consumer: string
  #lives = 0

  constructor(
    pipe: Pipe,
    private readonly name: string,
  ) {
    super(pipe)
    this.consumer = name
  }

  protected get arguments(): readonly string[] {
    return [this.pipe.redis.url, this.consumer]
  }

  get title(): string {
    return this.consumer
  }

  /** Read by it, and not acked. */
  inHand(): Promise<number> {
    return this.pipe.pendingOf(this.consumer)
  }

  /** Its next life is that of another process. */
  rename(): void {
    this.consumer = `${this.name} ${++this.#lives}`
  }
}

/** A firehose, Redis, one ingester, and the workers. */
class Pipe implements AsyncDisposable {
  readonly next = random(SEED)
  readonly ingester = new Ingester(this)
  readonly workers = Array.from({ length: WORKERS }, (_, n) => new Worker(this, `worker ${n}`))
  /** How many entries were in the streams beyond the checkpoint when an ingester died. */
  writtenBeyond = 0

  private constructor(
    readonly server: FakeFirehose,
    readonly redis: RedisServer,
    readonly client: Awaited<ReturnType<typeof connected>>,
    readonly ids: Ids,
    readonly endOffering: () => void,
  ) {}

  static async make(ids: Ids): Promise<Pipe> {
    let offering = true
    const messages = generateCommits({ seed: SEED, repos: REPOS })
    const events = () => (offering ? messages.next().value || undefined : undefined)
    const server = await fakeFirehose({ events, ratePerSecond: MESSAGES_PER_SECOND })
    const redis = await redisServer()
    const pipe = new Pipe(server, redis, await connected(redis), ids, () => {
      offering = false
    })
    for (const victim of pipe.all) victim.start()
    return pipe
  }

  get all(): readonly Victim[] {
    return [this.ingester, ...this.workers]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const victim of this.all) victim.stop()
    this.client.destroy()
    await this.redis[Symbol.asyncDispose]()
    await this.server.close()
  }

  async checkpoint(): Promise<number> {
    const [key] = await this.client.keys('cursor:*')
    const saved = key === undefined ? null : await this.client.get(key)
    return saved === null ? 0 : (JSON.parse(saved) as { readonly position: number }).position
  }

  async pendingOf(consumer: string): Promise<number> {
    const counts = await Promise.all(
      this.streams.map(async (stream) => {
        const pending = await this.client
          .xPendingRange(stream, GROUP, '-', '+', 1000, { consumer })
          .catch(() => [])
        return pending.length
      }),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }

  get streams(): readonly string[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => `${STREAM}{${partition}}`)
  }

  /** What each stream holds, in order. */
  async held(): Promise<readonly Named[]> {
    const entries = await Promise.all(
      this.streams.map((stream) => this.client.xRange(stream, '-', '+')),
    )
    return entries.flat().map((entry) => nameOf(JSON.parse(entry?.message.event ?? '')))
  }

  async worked(): Promise<readonly Named[]> {
    const done = await this.client.lRange(WORKED, 0, -1)
    return done
      .map((text) => JSON.parse(text) as [string, string])
      .map(([did, what]) => ({ did, what }))
  }

  /**
   * Kills one of them in the midst of its work, after a while that the seed says, and starts it
   * again.
   */
  async killOne(victim: Victim): Promise<void> {
    const wanted = (await this.client.lLen(WORKED)) + integer(this.next, MOST_BETWEEN)
    await until('more work', async () => (await this.client.lLen(WORKED)) >= wanted)
    const least = victim.leastInHand
    for (let inHand = 0; inHand === 0; ) {
      await until(
        `work in the hands of the ${victim.title}`,
        async () => (await victim.inHand()) >= least,
      )
      await victim.kill()
      inHand = await victim.inHand()
      if (victim === this.ingester) this.writtenBeyond += await this.#beyondCheckpoint()
      else if (this.next() < 0.5) (victim as Worker).rename()
      victim.start()
    }
  }

  async #beyondCheckpoint(): Promise<number> {
    const checkpoint = await this.checkpoint()
    return (await this.held()).filter(({ what }) => Number.parseInt(what, 10) > checkpoint).length
  }

  /** Lets all that was offered come to its end. */
  async finish(): Promise<readonly Named[]> {
    this.endOffering()
    await this.server.idle()
    const sent = this.server.frames.flatMap(namesIn)
    await until(
      'the rest of the work',
      async () => new Set((await this.worked()).map(({ what }) => what)).size >= sent.length,
    )
    return sent
  }
}

const connected = (redis: RedisServer) =>
  createClient({ url: redis.url })
    .on('error', () => {})
    .connect()

/** Asks now and then. Says what it waited for in vain, within the time that the spec has. */
const until = (what: string, condition: () => Promise<boolean>): Promise<unknown> =>
  firstValueFrom(
    timer(0, 5).pipe(
      exhaustMap(condition),
      filter((holds) => holds),
      timeout({
        first: STUCK_AFTER_MS,
        with: () => throwError(() => new Error(`waited in vain for ${what}`)),
      }),
    ),
  )

/** What there is of each DID, in order. */
function byDid(all: readonly Named[]): ReadonlyMap<string, readonly string[]> {
  const lists = new Map<string, string[]>()
  for (const { did, what } of all) lists.set(did, [...(lists.get(did) ?? []), what])
  return lists
}

/** Without what is there for the second time. */
function firsts(all: readonly Named[]): readonly Named[] {
  const seen = new Set<string>()
  return all.filter(({ what }) => !seen.has(what) && seen.add(what))
}

describeRedis('kill -9', () => {
  it.each<[ids: Ids, kills: number]>([
    ['position', runs(5, 14)],
    ['redis', runs(3, 6)],
  ])(
    `of the ingester and of workers, by ids of '%s', %i times (seed ${SEED}): ` +
      'every event is in the stream once, and worked on, in the order of its DID',
    async (ids, kills) => {
      await using pipe = await Pipe.make(ids)
      const halves = Array.from({ length: kills }, (_, n) =>
        n % 2 === 0 ? pipe.ingester : pick(pipe.next, pipe.workers),
      )
      for (const victim of shuffled(pipe.next, halves)) await pipe.killOne(victim)
      // An ingester has to see again what was in the stream, or nothing is shown.
      while (pipe.writtenBeyond === 0) await pipe.killOne(pipe.ingester)
      const sent = await pipe.finish()
      const held = await pipe.held()
      expect(byDid(held)).toEqual(byDid(sent))
      expect(held.length).toBe(sent.length)
      const worked = await pipe.worked()
      expect(byDid(firsts(worked))).toEqual(byDid(sent))
      expect(await pipe.client.keys('*:dead')).toEqual([])
    },
    400_000,
  )
})

function shuffled<T>(next: () => number, items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
