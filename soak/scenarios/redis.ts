import { createClient } from '@redis/client'
import { type FakeJetstream, fakeJetstream } from 'rxjs-atproto/testing'
import { type BenchRedis, startRedis } from '../../bench/tools/redis-server.js'
import type { Dice } from '../dice.js'
import { eventId } from '../ids.js'
import { Judge } from '../judge.js'
import type { ReaderPlan, Scenario, ScenarioPlan } from '../scenario.js'
import type { RedisTask } from '../sources.js'
import { Story } from '../story.js'

const STREAM = 'events'
const GROUP = 'soak'
const MOST_PENDING = 10_000
type Client = Awaited<ReturnType<typeof connected>>

interface Variant {
  readonly ids: 'position' | 'redis'
  readonly partitions?: number
}

/**
 * A Jetstream, a process that writes it to Redis, and a process that reads it back. Either is
 * killed, and Redis loses connections.
 */
class RedisScenario implements Scenario {
  readonly judge = new Judge({ ordered: true, bound: 'allowed', mayGap: false })
  readonly readers: readonly ReaderPlan[]
  readonly #story: Story
  #cuts = 0

  constructor(
    private readonly jetstream: FakeJetstream,
    private readonly redis: BenchRedis,
    private readonly client: Client,
    private readonly variant: Variant,
    seed: number,
  ) {
    this.#story = new Story(seed)
    const task = (source: 'into redis' | 'out of redis', consumer: string) => () => {
      const told: RedisTask = { url: redis.url, stream: STREAM, consumer, ...variant }
      return { source, host: jetstream.host, cursors: '', redis: told }
    }
    this.readers = [
      {
        name: 'writer',
        judged: false,
        dies: ['received', 'handled', 'saving', 'saved'],
        task: task('into redis', 'writer'),
      },
      {
        name: 'worker',
        judged: true,
        dies: ['received', 'handled'],
        task: task('out of redis', 'worker'),
        between: () => this.#allowPending(),
      },
    ]
  }

  get faults(): number {
    return this.jetstream.fired.length + this.#cuts
  }

  feed(messages: number): void {
    for (const { item, sent } of this.#story.jetstream(messages, 'v2')) {
      this.judge.send(sent)
      this.jetstream.emit(item)
    }
  }

  /** Every client of Redis but ours loses its connection. */
  async amid(dice: Dice): Promise<void> {
    if (!dice.chance(0.3)) return
    this.#cuts += 1
    await this.client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'])
  }

  async settled(): Promise<boolean> {
    return (await this.#pending()) === 0
  }

  /** Each event is in the streams once. */
  async conclude(): Promise<readonly string[]> {
    const held = await Promise.all(
      this.#streams.map((stream) => this.client.xRange(stream, '-', '+')),
    )
    const ids = held.flat().flatMap((entry) => (entry === null ? [] : [idOf(entry.message)]))
    const twice = ids.length - new Set(ids).size
    return twice > 0 ? [`${twice} events were written to Redis once more`] : []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy()
    await this.redis.stop()
    await this.jetstream.close()
  }

  get #streams(): readonly string[] {
    const { partitions } = this.variant
    return partitions === undefined
      ? [STREAM]
      : Array.from({ length: partitions }, (_, n) => `${STREAM}{${n}}`)
  }

  /** What the dead process had handled and not acked comes again. */
  async #allowPending(): Promise<void> {
    const pending = (
      await Promise.all(this.#streams.map((stream) => this.#pendingIn(stream)))
    ).flat()
    this.judge.allow(pending.filter((id) => this.judge.handled.has(id)).length)
  }

  async #pendingIn(stream: string): Promise<readonly string[]> {
    const pending = await this.client
      .xPendingRange(stream, GROUP, '-', '+', MOST_PENDING)
      .catch(() => [])
    const unacked = new Set(pending.map(({ id }) => String(id)))
    const entries = (await this.client.xRange(stream, '-', '+')) ?? []
    return entries.flatMap((entry) =>
      entry !== null && unacked.has(String(entry.id)) ? [idOf(entry.message)] : [],
    )
  }

  async #pending(): Promise<number> {
    const counts = await Promise.all(
      this.#streams.map((stream) =>
        this.client.xPending(stream, GROUP).catch(() => ({ pending: 0 })),
      ),
    )
    return counts.reduce((sum, { pending }) => sum + pending, 0)
  }
}

const idOf = (fields: Readonly<Record<string, string>>): string =>
  eventId(JSON.parse(fields.event ?? ''))

const CUTS = [
  { onConnect: 2, do: 'refuse', optional: true },
  { after: 60, do: 'reset', times: Number.POSITIVE_INFINITY, optional: true },
  { after: 110, do: 'drop', times: Number.POSITIVE_INFINITY, optional: true },
] as const

const redis = (name: string, variant: Variant): ScenarioPlan => ({
  name,
  async open({ seed }) {
    const server = await startRedis()
    if (server === undefined) throw new Error('redis-server is not installed')
    const jetstream = await fakeJetstream({ server: 'v2', faults: CUTS })
    return new RedisScenario(jetstream, server, await connected(server.url), variant, seed)
  },
})

const connected = (url: string) => createClient({ url }).connect()

export const REDIS: readonly ScenarioPlan[] = [
  redis('jetstream$ into Redis and out, ids of positions', { ids: 'position' }),
  redis('jetstream$ into Redis and out, ids of Redis, partitions', { ids: 'redis', partitions: 2 }),
]
