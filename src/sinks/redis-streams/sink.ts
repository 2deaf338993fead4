import {
  asyncScheduler,
  concat,
  defer,
  ignoreElements,
  interval,
  map,
  merge,
  mergeMap,
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
import { SinkCounts } from './metrics.js'
import type { Settings } from './options.js'
import { Partitions } from './partitions.js'
import type { OutgoingEvent } from './row.js'

/** Writes the events of one subscription to its streams. */
export class StreamSink<Event> {
  readonly counts: SinkCounts
  readonly #partitions: Partitions<Event>
  readonly #open$: Observable<never>

  constructor(private readonly settings: Settings<Event>) {
    const commands = redisCommands(settings.client)
    this.counts = new SinkCounts(settings.metrics$)
    this.#partitions = new Partitions(commands, settings, this.counts)
    this.#open$ = this.#persistently(async () => {
      await this.#partitions.open()
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
    const partitions = this.#partitions
    const flush$ = this.#persistently(() => partitions.unwritten(events)).pipe(
      mergeMap((unwritten) => {
        partitions.add(unwritten)
        return this.#persistently(() => partitions.flush())
      }),
    )
    const written = () => {
      partitions.wrote(events)
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
    const full$ = this.#persistently(() => this.#partitions.mustWait())
    return full$.pipe(
      tap((isFull) => {
        this.counts.unread = this.#partitions.unread
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
    const { stream, log } = this.settings
    const policy = await evictionPolicy(commands, this.#partitions.stream)
    if (policy?.startsWith('allkeys-'))
      log.warn(
        `Redis may delete \`${stream}\` to make room (\`maxmemory-policy\` is ${policy}): \
set noeviction, or entries are lost`,
      )
  }
}
