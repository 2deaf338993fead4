import {
  asyncScheduler,
  concat,
  defer,
  ignoreElements,
  interval,
  map,
  merge,
  type Observable,
  repeat,
  retry,
  shareReplay,
  takeWhile,
  tap,
  timer,
} from 'rxjs'
import { RedisUnavailableError } from '../../errors.js'
import { backoffMs } from '../../options/backoff.js'
import type { RedisCommands } from '../../redis-client/client.js'
import { redisCommands } from '../../redis-client/commands.js'
import { evictionPolicy } from '../../redis-client/eviction.js'
import { HighWater } from './high-water.js'
import type { Ids } from './ids.js'
import { SinkCounts } from './metrics.js'
import type { Settings } from './options.js'
import { PositionIds } from './position-ids.js'
import { RedisIds } from './redis-ids.js'
import type { OutgoingEvent } from './row.js'
import { StreamWriter } from './stream-writer.js'

/** Writes the events of one subscription to its streams. */
export class StreamSink<Event> {
  readonly counts: SinkCounts
  readonly #writers: readonly StreamWriter[]
  readonly #highWater: HighWater
  readonly #open$: Observable<never>

  constructor(private readonly settings: Settings<Event>) {
    const { client, streams, highWaterMark, checkEveryMs, timeoutMs } = settings
    const commands = redisCommands(client)
    this.counts = new SinkCounts(settings.metrics$)
    this.#writers = streams.map((stream) => this.#writerOf(commands, stream))
    this.#highWater = new HighWater(commands, streams, highWaterMark, checkEveryMs, timeoutMs)
    this.#open$ = this.#persistently(async () => {
      await all(this.#writers.map((writer) => writer.open()))
      await this.#highWater.isReached()
      await this.#warnOfEviction(commands)
    }).pipe(
      tap(() => this.counts.become({ state: 'writing' })),
      ignoreElements(),
      // Lives as long as the subscription to `run$`.
      shareReplay({ bufferSize: 1, refCount: true }),
    )
  }

  /**
   * Checks at once what Redis would refuse, and keeps `metrics$` up to date. Never completes;
   * errors with what Redis refuses.
   */
  get run$(): Observable<never> {
    const publishing$ = interval(1000).pipe(
      tap(() => this.counts.publish()),
      ignoreElements(),
    )
    return merge(this.#open$, publishing$)
  }

  /** Emits the events when they are in Redis, however long that takes. */
  write(events: readonly OutgoingEvent<Event>[]): Observable<readonly OutgoingEvent<Event>[]> {
    const flush$ = defer(() => {
      for (const { partition, row } of events) this.#writers[partition]?.add(row)
      return this.#persistently(() => all(this.#writers.map((writer) => writer.flush())))
    })
    const written = () => {
      this.#highWater.wrote(events.length)
      this.counts.pending -= events.length
      this.counts.become({ state: 'writing' })
    }
    return concat(
      this.#open$,
      this.#room(),
      flush$.pipe(
        tap(written),
        map(() => events),
      ),
    )
  }

  close(): void {
    this.counts.become({ state: 'closed' })
  }

  /** Completes when consumers have caught up enough. */
  #room(): Observable<never> {
    const full$ = this.#persistently(() => this.#highWater.isReached())
    return full$.pipe(
      tap((isFull) => {
        this.counts.unread = this.#highWater.unread
        this.counts.become(
          isFull ? { state: 'high-water', unread: this.counts.unread } : { state: 'writing' },
        )
      }),
      repeat({ delay: () => timer(this.settings.checkEveryMs) }),
      takeWhile((isFull) => isFull),
      ignoreElements(),
    )
  }

  /** Retries the work while Redis is unavailable. */
  #persistently<T>(work: () => Promise<T>): Observable<T> {
    return defer(work).pipe(
      retry({ delay: (error: unknown, attempt) => this.#backOff(error, attempt) }),
    )
  }

  #backOff(error: unknown, attempt: number): Observable<unknown> {
    if (!(error instanceof RedisUnavailableError)) throw error
    const delayMs = backoffMs(attempt, this.settings.backoff)
    this.counts.retries += 1
    this.counts.become({
      state: 'waiting',
      attempt,
      nextAttemptAt: asyncScheduler.now() + delayMs,
      reason: error,
    })
    return timer(delayMs)
  }

  async #warnOfEviction(commands: RedisCommands): Promise<void> {
    const { streams, stream, log } = this.settings
    const policy = await evictionPolicy(commands, streams[0] ?? stream)
    if (policy?.startsWith('allkeys-'))
      log.warn(
        `Redis may delete \`${stream}\` to make room (\`maxmemory-policy\` is ${policy}): \
set noeviction, or entries are lost`,
      )
  }

  #writerOf(commands: RedisCommands, stream: string): StreamWriter {
    const { ids: kind, maxLen, timeoutMs, rewrite, streams } = this.settings
    const ids: Ids =
      kind === 'redis'
        ? new RedisIds(commands, stream, maxLen, timeoutMs)
        : new PositionIds(commands, stream, maxLen, timeoutMs, this.counts)
    return new StreamWriter(
      commands,
      stream,
      ids,
      Math.ceil(rewrite / streams.length),
      timeoutMs,
      this.counts,
    )
  }
}

/** Waits for all, even when one fails: none may still run when they are tried again. */
async function all(works: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).filter(
    ({ status }) => status === 'rejected',
  ) as readonly PromiseRejectedResult[]
  const reasons = failed.map(({ reason }): unknown => reason)
  // An error that no retry helps comes before one that passes.
  const worst = reasons.find((reason) => !(reason instanceof RedisUnavailableError)) ?? reasons[0]
  if (worst !== undefined) throw worst
}
