import {
  lastValueFrom,
  type MonoTypeOperatorFunction,
  merge,
  NEVER,
  type Observable,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs'
import { boundedMergeMap } from '../index.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { failureOf } from './failure.js'
import type { Messages } from './messages.js'
import type { LineSink } from './output.js'
import { summaryOf } from './progress.js'
import { onStopSignal, SIGNAL_EXIT, type StopSignal } from './signals.js'
import { Rate, type Snapshot, type View } from './snapshot.js'
import type { StreamOptions } from './stream-options.js'
import { duration } from './text.js'
import { Watch } from './watch.js'

/** A command that reads a stream to its goal. */
export interface StreamRun<E> {
  /** Hands the watch's observers to a source. May throw what is wrong with its config. */
  readonly source: (watch: Watch) => Observable<E>
  readonly options: StreamOptions
  readonly messages: Messages
  /** Where events go; without it they go nowhere. */
  readonly sink?: LineSink | undefined
  readonly view?: View | undefined
}

// Lines that may be on their way to the system at once. What is in flight is not done: the
// checkpoint waits for it.
const WRITES_AT_ONCE = 256
// After a signal: how long stdout may take for what waits.
const DRAIN_MS = 5000

/** Reads, writes, and says how it ended. */
export async function runStream<E>(run: StreamRun<E>): Promise<ExitCode> {
  const watch = new Watch(run.messages)
  const reader = new StreamRunner(run, watch)
  const orLoss = (exitCode: ExitCode) => (run.options.strict && watch.lost ? EXIT.loss : exitCode)
  try {
    await reader.read()
    run.view?.end(reader.snapshot)
    run.messages.info(summaryOf(reader.snapshot))
    return orLoss(reader.exitCode)
  } catch (error) {
    const { exitCode, messages } = failureOf(error, watch.connected)
    // Where nothing was read there is nothing to show; nor is there for a reader who is gone.
    if (messages.length === 0 || !watch.connected) run.messages.region.clear()
    else run.view?.end(reader.snapshot)
    for (const message of messages) run.messages.error(message)
    return exitCode === EXIT.done ? orLoss(exitCode) : exitCode
  }
}

class StreamRunner<E> {
  #signal: StopSignal | undefined
  #passed = 0
  readonly #startedAt = performance.now()
  readonly #rate = new Rate()
  readonly #stop$ = new Subject<void>()

  constructor(
    private readonly run: StreamRun<E>,
    private readonly watch: Watch,
  ) {}

  get exitCode(): ExitCode {
    return this.#signal === undefined ? EXIT.done : SIGNAL_EXIT[this.#signal]
  }

  get snapshot(): Snapshot {
    const elapsedMs = performance.now() - this.#startedAt
    const { metrics, unreadable: unread } = this.watch
    return {
      metrics,
      events: this.#passed,
      unreadable: unread,
      perSecond: this.#rate.sample(this.#passed, elapsedMs),
      elapsedMs,
    }
  }

  async read(): Promise<void> {
    const { view } = this.run
    const events$ = this.#events$()
    const stopListening = onStopSignal((signal) => this.#stop(signal))
    const shown = view?.when(this.watch.metrics$).subscribe(() => view.show(this.snapshot))
    try {
      await lastValueFrom(events$, { defaultValue: undefined })
    } finally {
      shown?.unsubscribe()
      stopListening()
    }
  }

  #events$(): Observable<unknown> {
    const { limit = Number.POSITIVE_INFINITY, for: forMs, connectTimeout } = this.run.options
    const over$ = forMs === undefined ? NEVER : timer(forMs)
    return this.run
      .source(this.watch)
      .pipe(
        takeUntil(merge(this.#stop$, over$)),
        take(limit),
        this.#write(),
        takeUntil(this.watch.neverConnected$(connectTimeout)),
        takeUntil(this.#drainedTooLong$()),
      )
  }

  /** The work is the write: a slow reader of stdout fills the queue, and that stops the socket. */
  #write(): MonoTypeOperatorFunction<E> {
    const { sink } = this.run
    if (sink === undefined) return tap(() => this.#pass())
    const write = async (event: E): Promise<E> => {
      const line = this.#lineOf(event)
      if (line === undefined) return event
      await sink.write(line)
      this.#pass()
      return event
    }
    return boundedMergeMap(write, { concurrency: WRITES_AT_ONCE })
  }

  /** What cannot be written as JSON is counted as lost, and the next line follows. */
  #lineOf(event: E): string | undefined {
    try {
      return JSON.stringify(event)
    } catch (error) {
      this.watch.cannotRead(
        `an event is left out, since it cannot be written as JSON: ${(error as Error).message}`,
      )
      return undefined
    }
  }

  #pass(): void {
    this.#passed += 1
  }

  #stop(signal: StopSignal): void {
    this.#signal = signal
    this.#stop$.next()
  }

  #drainedTooLong$(): Observable<unknown> {
    return this.#stop$.pipe(
      switchMap(() => timer(DRAIN_MS)),
      tap(() =>
        this.run.messages.warn(
          `stdout did not take what waits within ${duration(DRAIN_MS)}; a --cursor-file is before it`,
        ),
      ),
    )
  }
}
