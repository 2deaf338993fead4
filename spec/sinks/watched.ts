import { createClient } from '@redis/client'
import { BehaviorSubject, filter, firstValueFrom, type Subscription } from 'rxjs'
import {
  type RedisSinkMetrics,
  type RedisStreamOptions,
  redisSinkMetrics,
  toRedisStream,
} from '../../src/redis.js'
import { redisCommands } from '../../src/redis-client/commands.js'
import { entriesOf, type RedisEntry } from '../../src/redis-client/replies.js'
import type { RedisServer } from '../helpers/redis-server.js'
import type { OpenClient } from '../redis-client/clients.js'
import type { Feed, Small } from './feed.js'

/** A feed that runs into a stream, with its metrics, gaps and results. */
export interface WatchedSink extends Disposable {
  readonly feed: Feed
  /** What came out below. */
  readonly emitted: readonly number[]
  readonly metrics: RedisSinkMetrics
  readonly snapshots: readonly RedisSinkMetrics[]
  /** Resolves at completion. */
  readonly done: Promise<void>
  /** Resolves when so many events came out below, or rejects with what ended the stream. */
  emits(count: number): Promise<void>
  /**
   * Resolves with the first snapshot that this is true of, or rejects with what ended the stream.
   */
  when(holds: (metrics: RedisSinkMetrics) => boolean): Promise<RedisSinkMetrics>
}

type Options = Partial<Omit<RedisStreamOptions<Small>, 'client' | 'metrics$'>>

/** Impatient: specs would wait for what a program may. */
const IMPATIENT = {
  maxWaitMs: 5,
  backoff: { initialDelayMs: 10, maxDelayMs: 50, jitter: 'none' },
  checkEveryMs: 20,
} as const

export function sinkOf(
  { client }: Pick<OpenClient, 'client'>,
  feed: Feed,
  options: Options = {},
): WatchedSink {
  const metrics$ = redisSinkMetrics()
  const [emitted, snapshots]: [number[], RedisSinkMetrics[]] = [[], []]
  metrics$.subscribe((snapshot) => snapshots.push(snapshot))
  const emitted$ = new BehaviorSubject(0)
  let subscription: Subscription | undefined
  const done = new Promise<void>((resolve, reject) => {
    const sink = toRedisStream<Small>({
      client,
      stream: 'stream',
      ...IMPATIENT,
      ...options,
      metrics$,
    })
    subscription = feed.events$.pipe(sink).subscribe({
      next: ({ n }) => {
        emitted.push(n)
        emitted$.next(emitted.length)
      },
      error: reject,
      complete: resolve,
    })
  })
  done.catch(() => {})
  return {
    feed,
    emitted,
    snapshots,
    done,
    get metrics() {
      return metrics$.value
    },
    emits: (count) =>
      Promise.race([
        done,
        firstValueFrom(emitted$.pipe(filter((all) => all >= count))).then(() => {}),
      ]),
    when: (holds) =>
      Promise.race([done.then(() => metrics$.value), firstValueFrom(metrics$.pipe(filter(holds)))]),
    [Symbol.dispose]: () => subscription?.unsubscribe(),
  }
}

export const isWaiting =
  (reason?: string) =>
  ({ status }: RedisSinkMetrics): boolean =>
    status.state === 'waiting' &&
    (reason === undefined || (status.reason as { reason?: string }).reason === reason)

/** All entries of a stream. */
export async function entries(
  server: RedisServer,
  stream = 'stream',
): Promise<readonly RedisEntry[]> {
  const client = await createClient({ url: server.url }).connect()
  try {
    return entriesOf(await redisCommands(client).send(['XRANGE', stream, '-', '+']))
  } finally {
    client.destroy()
  }
}

export const numberIn = ({ fields }: RedisEntry): number => JSON.parse(fields?.[1] ?? '').n

/** The numbers of all events in a stream, in its order. */
export const numbers = async (server: RedisServer, stream?: string): Promise<readonly number[]> =>
  (await entries(server, stream)).map(numberIn)

export const upTo = (last: number, from = 1): readonly number[] =>
  Array.from({ length: last - from + 1 }, (_, i) => from + i)
