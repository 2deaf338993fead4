import type { Observable } from 'rxjs'
import {
  type CursorStore,
  firehose$,
  type JetstreamConfig,
  jetstream$,
  labels$,
  listRepos$,
  tap$,
} from 'rxjs-atproto'
import {
  type NodeRedisClient,
  redisCursorStore,
  redisStream$,
  toRedisStream,
} from 'rxjs-atproto/redis'
import type { Dice } from './dice.js'
import type { Death } from './file-journal.js'
import { eventId, labelId, tapId } from './ids.js'
import type { Journal } from './journal.js'
import { type Defect, gapsInto, ingested, merged, type Work, watched } from './work.js'

/** What a reader reads, and how it ends. */
export interface Task {
  readonly source:
    | 'jetstream'
    | 'firehose'
    | 'labels'
    | 'repos'
    | 'tap'
    | 'into redis'
    | 'out of redis'
  /** The server, or for `out of redis` nothing. */
  readonly host: string
  /** The file of the journal. */
  readonly journal: string
  /** The file of the checkpoint. */
  readonly cursors: string
  readonly seed: number
  readonly death?: Death | undefined
  readonly defect?: Defect | undefined
  /** Of a Jetstream. */
  readonly jetstream?: Pick<
    JetstreamConfig,
    'wire' | 'decode' | 'compress' | 'collections' | 'archive'
  >
  /** Of a listing: what its ids begin with, and how many repos a page has. */
  readonly listing?: { readonly round: number; readonly limit: number }
  readonly redis?: RedisTask
}

export interface RedisTask {
  readonly url: string
  readonly stream: string
  readonly ids: 'position' | 'redis'
  readonly partitions?: number
  readonly consumer: string
}

// So short that some kills meet a save, and so long that not all do.
const SAVE_EVERY_MS = 15
const LEASE_MS = 1500

/** What a reader is given by the process that it lives in. */
export interface ReaderContext {
  readonly journal: Journal
  readonly dice: Dice
  readonly pause: (length: number) => Promise<unknown>
  /** The store behind a path. */
  readonly cursors: (path: string) => CursorStore
  /** A connection to Redis. */
  readonly redis: (url: string) => Promise<NodeRedisClient>
}

/** The stream of a task, work included. */
export async function streamOf(task: Task, means: ReaderContext): Promise<Observable<unknown>> {
  return new TaskStream(task, means).open()
}

class TaskStream {
  readonly #live
  readonly #work

  constructor(
    private readonly task: Task,
    private readonly means: ReaderContext,
  ) {
    const { journal, dice, pause } = means
    const { host, defect } = task
    this.#live = {
      host,
      // A lock of a dead process is taken over after each kill.
      log: false as const,
      reconnect: { initialDelayMs: 5, maxDelayMs: 50, random: () => dice.between(0, 999) / 1000 },
      gaps: gapsInto(journal, defect),
    }
    this.#work = { journal, dice, pause, defect }
  }

  async open(): Promise<Observable<unknown>> {
    const { task } = this
    const live = this.#live
    switch (task.source) {
      case 'jetstream':
        return jetstream$({
          ...live,
          ...task.jetstream,
          cursor: 'oldest',
          checkpoint: this.#inFile(),
        }).pipe(ingested(this.#byDid(eventId)))
      case 'firehose':
        return firehose$({ ...live, cursor: 'oldest', checkpoint: this.#inFile() }).pipe(
          ingested(this.#byDid(eventId)),
        )
      case 'labels':
        return labels$({ ...live, cursor: 'oldest', checkpoint: this.#inFile() }).pipe(
          merged({ ...this.#work, idOf: labelId, laneOf: ({ uri }) => uri }),
        )
      case 'repos':
        return this.#listing()
      case 'tap':
        return this.#tap()
      case 'into redis':
        return this.#intoRedis(this.#redisTask)
      case 'out of redis':
        return this.#outOfRedis(this.#redisTask)
    }
  }

  #listing(): Observable<unknown> {
    const { round = 1, limit = 50 } = this.task.listing ?? {}
    return listRepos$({ ...this.#live, limit, checkpoint: this.#inFile() }).pipe(
      merged(this.#byDid(({ did }) => `${round} ${did}`)),
    )
  }

  #tap(): Observable<unknown> {
    const ack = this.task.defect === 'ack-on-receipt' ? 'receipt' : 'done'
    const { gaps: _, ...config } = this.#live
    return tap$({ ...config, ack }).pipe(ingested(this.#byDid(tapId)))
  }

  async #intoRedis({ url, stream, ids, partitions }: RedisTask): Promise<Observable<unknown>> {
    const client = await this.means.redis(url)
    const parts = partitions === undefined ? {} : { partitions }
    const sink = { client, stream, ids, size: 20, maxWaitMs: 5, log: this.#live.log, ...parts }
    const checkpoint = this.#saved(redisCursorStore(client))
    return jetstream$({ ...this.#live, wire: 'v2', cursor: 'oldest', checkpoint }).pipe(
      toRedisStream(sink),
    )
  }

  async #outOfRedis({
    url,
    stream,
    partitions,
    consumer,
  }: RedisTask): Promise<Observable<unknown>> {
    const client = await this.means.redis(url)
    const { gaps, log } = this.#live
    const parts = partitions === undefined ? {} : { partitions }
    // A process that dies is none that fails: what it had comes again without an end.
    const config = { leaseMs: LEASE_MS, claimIdleMs: LEASE_MS, maxDeliveries: 10_000, gaps, log }
    return redisStream$({ client, stream, group: 'soak', consumer, ...config, ...parts }).pipe(
      ingested(this.#byDid(eventId)),
    )
  }

  get #redisTask(): RedisTask {
    if (this.task.redis === undefined) throw new Error('the task names no Redis')
    return this.task.redis
  }

  #byDid<E extends { readonly did: string }>(idOf: (event: E) => string): Work<E> {
    return { ...this.#work, idOf, laneOf: ({ did }) => did }
  }

  #inFile() {
    return this.#saved(this.means.cursors(this.task.cursors))
  }

  #saved(store: CursorStore) {
    return { store: watched(store, this.means.journal, this.task.defect), everyMs: SAVE_EVERY_MS }
  }
}
