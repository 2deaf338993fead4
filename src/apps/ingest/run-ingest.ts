import {
  lastValueFrom,
  merge,
  type Observable,
  race,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs'
import { EXIT, type ExitCode } from '../../cli/exit-codes.js'
import { failureOf } from '../../cli/failure.js'
import type { Messages } from '../../cli/messages.js'
import { onStopSignal, SIGNAL_EXIT, type StopSignal } from '../../cli/signals.js'
import { duration } from '../../cli/text.js'
import { redisCursorStore } from '../../redis.js'
import { startDisplay } from './display.js'
import { IngestState } from './ingest-state.js'
import { type Pipeline, pipelinesOf } from './pipelines.js'
import { type Redis, RedisLink } from './redis-link.js'
import { serveState } from './serve-state.js'
import type { Settings } from './settings.js'

/** Reads until a signal or until every host has completed. Returns the exit code. */
export async function runIngest(
  settings: Settings,
  messages: Messages,
  metricsLines: boolean,
): Promise<ExitCode> {
  const pipelines = pipelinesOf(settings, messages)
  const link = new RedisLink(settings.redis, messages)
  const state = new IngestState(settings, pipelines, link)
  const run = new IngestRun(settings, pipelines, link, messages)
  try {
    const server = await serveState(state, settings, messages)
    const display = startDisplay(state, messages, metricsLines)
    try {
      return await run.untilStopped()
    } finally {
      display.end()
      server?.close()
    }
  } catch (error) {
    const { exitCode, messages: texts } = failureOf(error, state.hasReached(error), messages)
    const host = state.failedHost(error)
    for (const text of texts) messages.error(host === undefined ? text : `${host}: ${text}`)
    return exitCode
  }
}

class IngestRun {
  #signal: StopSignal | undefined
  readonly #stop$ = new Subject<void>()

  constructor(
    private readonly settings: Settings,
    private readonly pipelines: readonly Pipeline[],
    private readonly link: RedisLink,
    private readonly messages: Messages,
  ) {}

  async untilStopped(): Promise<ExitCode> {
    const stopListening = onStopSignal((signal) => this.#stop(signal))
    try {
      await lastValueFrom(this.#work$(), { defaultValue: undefined })
      return this.#signal === undefined ? EXIT.done : SIGNAL_EXIT[this.#signal]
    } finally {
      stopListening()
      this.link.close()
    }
  }

  /** Before Redis is connected there is nothing to finish, so a signal ends the run at once. */
  #work$(): Observable<unknown> {
    return race(this.link.connect(), this.#stop$).pipe(
      take(1),
      switchMap((redis) => (redis ? this.#entries$(redis) : [])),
    )
  }

  #entries$(redis: Redis): Observable<unknown> {
    const store = redisCursorStore(redis, { prefix: '' })
    const entries$ = this.pipelines.map(({ read, sink }) =>
      read(store).pipe(takeUntil(this.#stop$), sink.write(redis)),
    )
    return merge(...entries$).pipe(takeUntil(this.#drainedTooLong$()))
  }

  #stop(signal: StopSignal): void {
    this.#signal = signal
    this.#stop$.next()
  }

  #drainedTooLong$(): Observable<unknown> {
    const { drain } = this.settings
    return this.#stop$.pipe(
      switchMap(() => timer(drain)),
      tap(() =>
        this.messages.warn(
          `Redis did not take the pending entries within ${duration(drain)} (--drain); ` +
            'the saved positions are before them, so the next run reads them again',
        ),
      ),
    )
  }
}
