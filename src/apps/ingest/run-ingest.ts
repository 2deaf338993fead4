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

/** Reads until a signal, or until nothing is left to read, and says how it ended. */
export async function runIngest(
  settings: Settings,
  messages: Messages,
  metricsLines: boolean,
): Promise<ExitCode> {
  const lanes = pipelinesOf(settings, messages)
  const link = new RedisLink(settings.redis, messages)
  const board = new IngestState(settings, lanes, link)
  const run = new IngestRun(settings, lanes, link, messages)
  try {
    const server = await serveState(board, settings, messages)
    const view = startDisplay(board, messages, metricsLines)
    try {
      return await run.untilStopped()
    } finally {
      view.end()
      server?.close()
    }
  } catch (error) {
    const { exitCode, messages: texts } = failureOf(error, board.hasReached(error))
    const host = board.hostOf(error)
    for (const text of texts) messages.error(host === undefined ? text : `${host}: ${text}`)
    return exitCode
  }
}

class IngestRun {
  #signal: StopSignal | undefined
  readonly #stop$ = new Subject<void>()

  constructor(
    private readonly settings: Settings,
    private readonly lanes: readonly Pipeline[],
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

  /** Without Redis there is nothing to finish: a signal ends the wait for it at once. */
  #work$(): Observable<unknown> {
    return race(this.link.connect(), this.#stop$).pipe(
      take(1),
      switchMap((redis) => (redis ? this.#lanes$(redis) : [])),
    )
  }

  #lanes$(redis: Redis): Observable<unknown> {
    const store = redisCursorStore(redis, { prefix: '' })
    const lanes$ = this.lanes.map(({ read, sink }) =>
      read(store).pipe(takeUntil(this.#stop$), sink.write(redis)),
    )
    return merge(...lanes$).pipe(takeUntil(this.#drainedTooLong$()))
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
          `Redis did not take what is in hand within ${duration(drain)} (--drain); the positions are before it`,
        ),
      ),
    )
  }
}
