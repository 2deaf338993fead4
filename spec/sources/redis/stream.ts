import { createClient } from '@redis/client'
import { exhaustMap, filter, firstValueFrom, Subject, startWith, timer } from 'rxjs'
import type { Gap, RejectedFrame, StreamMetrics } from '../../../src/index.js'
import { streamMetrics } from '../../../src/index.js'
import type { RedisClient, RedisStreamConfig } from '../../../src/redis.js'
import { redisStream$ } from '../../../src/redis.js'
import type { RedisServer } from '../../helpers/redis-server.js'

/** What is in an entry of these specs. */
export interface Numbered {
  readonly did: string
  readonly n: number
}

/** Everything quick, so that a fault is over soon. */
export const QUICK = {
  group: 'g',
  blockMs: 100,
  lingerMs: 200,
  backoff: { initialDelayMs: 5, jitter: 'none', maxDelayMs: 5 },
  reconnect: { initialDelayMs: 20, maxDelayMs: 50 },
} as const satisfies Partial<RedisStreamConfig>

/** A stream that is watched: its metrics, gaps and rejects, and a wait for what they say. */
export function watched(client: RedisClient, config: Partial<RedisStreamConfig> = {}) {
  const metrics$ = streamMetrics()
  const rejects: RejectedFrame[] = []
  const gaps: Gap[] = []
  const events$ = redisStream$<Numbered>({
    ...QUICK,
    client,
    stream: 's',
    consumer: 'me',
    ...config,
    metrics$,
    rejects: { next: (rejected) => rejects.push(rejected) },
    gaps: { next: (gap) => gaps.push(gap) },
  })
  return {
    events$,
    rejects,
    gaps,
    metrics$,
    get metrics(): StreamMetrics {
      return metrics$.value
    },
    when: (condition: (metrics: StreamMetrics) => boolean) =>
      firstValueFrom(metrics$.pipe(filter(condition))),
  }
}

/** A list that can be waited for. */
export class Collected<T> {
  readonly items: T[] = []
  readonly #changed$ = new Subject<void>()

  readonly add = (item: T): void => {
    this.items.push(item)
    this.#changed$.next()
  }

  /** Resolves when the list is so. */
  async when(condition: (items: readonly T[]) => boolean): Promise<void> {
    await firstValueFrom(
      this.#changed$.pipe(
        startWith(undefined),
        filter(() => condition(this.items)),
      ),
    )
  }
}

/** Entries of the numbers from `from` up to `to`, ten DIDs in turn. Answers their ids. */
export async function write(
  server: RedisServer,
  from: number,
  to: number,
  stream = 's',
  didOf = (n: number) => `did:plc:${n % 10}`,
) {
  // A server that has just started may be loading still what it kept.
  await until(async () => (await server.cli('PING')) === '+PONG')
  const client = await createClient({ url: server.url })
    .on('error', () => {})
    .connect()
  try {
    const ids: string[] = []
    for (let n = from; n < to; n += 1) {
      const event = JSON.stringify({ did: didOf(n), n } satisfies Numbered)
      ids.push(`${await client.sendCommand(['XADD', stream, `${n + 1}-0`, 'event', event])}`)
    }
    return ids
  } finally {
    client.destroy()
  }
}

/** How many entries are pending in the group. */
export async function pendingIn(server: RedisServer, stream = 's'): Promise<number> {
  const answer = await server.cli('XPENDING', stream, 'g')
  return Number(/^\*4\r\n:(\d+)/.exec(answer)?.[1] ?? Number.NaN)
}

/**
 * Redis answers nothing for so long, and then `atLast` is called while it still does not.
 * (`DEBUG SLEEP` is refused from Redis 7 on.)
 */
export async function hang(server: RedisServer, ms: number, atLast = () => {}): Promise<void> {
  await server.freeze()
  const over = performance.now() + ms
  await until(() => performance.now() > over)
  atLast()
  await new Promise(setImmediate)
  server.thaw()
}

/** Asks now and then, and leaves the machine to those that are asked about. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  await firstValueFrom(
    timer(0, 5).pipe(
      exhaustMap(async () => condition()),
      filter((holds) => holds),
    ),
  )
}

export const numbers = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, i) => from + i)
