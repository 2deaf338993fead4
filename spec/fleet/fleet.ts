import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createClient } from '@redis/client'
import { exhaustMap, filter, firstValueFrom, throwError, timeout, timer } from 'rxjs'
import type { RedisClient } from '../../src/redis-client/client.js'
import { redisCommands } from '../../src/redis-client/commands.js'
import { entriesOf } from '../../src/redis-client/replies.js'
import { type FakeFirehose, fakeFirehose, generateCommits } from '../../src/testing/index.js'
import { type RedisServer, redisServer } from '../helpers/redis-server.js'
import type { OpenClient } from '../redis-client/clients.js'
import { program, temporaryFolder } from '../socket/bundle.js'
import { type Named, nameOf, namesIn, PARTITIONS, STREAM, WORKED } from '../traps/redis-kill.js'
import { connect, type Library, type Told } from './connect.js'
import type { Deployment } from './deployments.js'
import type { WorkerTold } from './worker-child.js'
import type { WriterTold } from './writer-child.js'

const WORKERS = 2
const MESSAGES_PER_SECOND = 250
const REPOS = 60
// How much is worked on between two kills.
const BETWEEN = 40
const STUCK_AFTER_MS = 120_000

const folder = temporaryFolder()
const programs = { writer: '', worker: '' }

/** Bundles the programs, and removes them at the end. */
export function bundlePrograms(): void {
  beforeAll(async () => {
    for (const name of ['writer', 'worker'] as const)
      programs[name] = await program(
        folder.path,
        name,
        `import { run } from './spec/fleet/${name}-child.ts'
      void run(JSON.parse(process.argv[2]))`,
      )
  })
  afterAll(() => folder[Symbol.dispose]())
}

/** A process that is killed and started again. */
class Victim {
  #child: ChildProcess | undefined

  constructor(
    private readonly program: keyof typeof programs,
    private readonly told: Told,
  ) {}

  start(): void {
    this.#child = fork(programs[this.program], [JSON.stringify(this.told)], { execArgv: [] })
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) throw new Error('it does not run')
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    expect(await exited).toEqual([null, 'SIGKILL'])
  }

  stop(): void {
    this.#child?.kill('SIGKILL')
  }
}

/** What a fleet is made of. */
interface Parts {
  readonly server: FakeFirehose
  readonly redis: Deployment
  readonly opened: OpenClient
  readonly bookServer: RedisServer
  readonly book: Awaited<ReturnType<typeof connectedTo>>
  readonly endOffering: () => void
}

/** A firehose, a deployment of Redis, a writer and two workers. */
export class Fleet implements AsyncDisposable {
  readonly #victims: readonly Victim[]

  private constructor(
    private readonly parts: Parts,
    library: Library,
  ) {
    const { server, redis, bookServer } = parts
    const told: Told = { library, link: redis.link }
    const writer: WriterTold = { ...told, host: server.url }
    const workerOf = (_: unknown, n: number): WorkerTold => {
      return { ...told, consumer: `worker ${n}`, book: bookServer.url }
    }
    const workers = Array.from({ length: WORKERS }, workerOf)
    this.#victims = [
      new Victim('writer', writer),
      ...workers.map((worker) => new Victim('worker', worker)),
    ]
    for (const victim of this.#victims) victim.start()
  }

  static async of(redis: Deployment, library: Library): Promise<Fleet> {
    let offering = true
    const messages = generateCommits({ seed: 6, repos: REPOS })
    const events = () => (offering ? messages.next().value || undefined : undefined)
    const server = await fakeFirehose({ events, ratePerSecond: MESSAGES_PER_SECOND })
    const bookServer = await redisServer()
    const opened = await connect(library, redis.link)
    const book = await connectedTo(bookServer)
    const endOffering = () => {
      offering = false
    }
    return new Fleet({ server, redis, opened, bookServer, book, endOffering }, library)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const victim of this.#victims) victim.stop()
    this.parts.book.destroy()
    await this.parts.opened[Symbol.asyncDispose]()
    await this.parts.bookServer[Symbol.asyncDispose]()
    await this.parts.server.close()
  }

  /** Kills the writer, or a worker, in the midst of the work. */
  async kill(index: number): Promise<void> {
    await this.worksOn()
    const victim = this.#victims[index]
    await victim?.kill()
    victim?.start()
  }

  /**
   * Resolves when the writer has written again what was lost: it must not die before, as
   * docs/redis.md says.
   */
  async fault(): Promise<void> {
    await this.worksOn()
    const grows = async () => {
      const { length } = await this.held()
      await until('new entries', async () => (await this.held()).length > length)
    }
    await this.parts.redis.fault(grows)
    // A stream has what it lost before it has anything new.
    const { length } = this.parts.server.frames
    const isNew = async () => {
      const later = new Set(this.parts.server.frames.slice(length).flatMap(namesIn).map(keyOf))
      const streams = await this.#streams()
      return streams.every((held) => held.some((name) => later.has(keyOf(name))))
    }
    // It may be loading still.
    await until('what was lost', () => isNew().catch(() => false))
  }

  /** Lets all that was offered come to its end. Returns it. */
  async finish(): Promise<readonly Named[]> {
    await this.worksOn()
    this.parts.endOffering()
    await this.parts.server.idle()
    const sent = this.parts.server.frames.flatMap(namesIn)
    await until(
      'the rest of the work',
      async () => new Set((await this.worked()).map(({ what }) => what)).size >= sent.length,
    )
    return sent
  }

  get client(): RedisClient {
    return this.parts.opened.client
  }

  /** What each stream holds, in order. */
  async held(partitions = PARTITIONS): Promise<readonly Named[]> {
    return (await this.#streams(partitions)).flat()
  }

  async #streams(partitions = PARTITIONS): Promise<readonly (readonly Named[])[]> {
    const commands = redisCommands(this.parts.opened.client)
    const streams = Array.from({ length: partitions }, (_, n) => `${STREAM}{${n}}`)
    const replies = await Promise.all(
      streams.map((stream) => commands.send(['XRANGE', stream, '-', '+'])),
    )
    return replies.map((reply) =>
      entriesOf(reply).map(({ fields }) => nameOf(JSON.parse(fields?.[1] ?? ''))),
    )
  }

  async worked(): Promise<readonly Named[]> {
    const done = await this.parts.book.lRange(WORKED, 0, -1)
    return done
      .map((text) => JSON.parse(text) as [string, string])
      .map(([did, what]) => ({ did, what }))
  }

  /** Resolves when more was worked on. */
  async worksOn(): Promise<void> {
    const wanted = (await this.parts.book.lLen(WORKED)) + BETWEEN
    await until('more work', async () => (await this.parts.book.lLen(WORKED)) >= wanted)
  }
}

const keyOf = ({ did, what }: Named): string => `${did} ${what}`

const connectedTo = ({ url }: RedisServer) => createClient({ url }).connect()

const until = (what: string, condition: () => Promise<boolean>): Promise<unknown> =>
  firstValueFrom(
    timer(0, 20).pipe(
      exhaustMap(condition),
      filter((holds) => holds),
      timeout({
        first: STUCK_AFTER_MS,
        with: () => throwError(() => new Error(`waited in vain for ${what}`)),
      }),
    ),
  )

/** What there is of each DID, in order. */
export function byDid(all: readonly Named[]): ReadonlyMap<string, readonly string[]> {
  const lists = new Map<string, string[]>()
  for (const { did, what } of all) lists.set(did, [...(lists.get(did) ?? []), what])
  return lists
}

/** Without what is there for the second time. */
export function firsts(all: readonly Named[]): readonly Named[] {
  const seen = new Set<string>()
  return all.filter(({ what }) => !seen.has(what) && seen.add(what))
}
