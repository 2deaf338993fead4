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

/** A command that reads a stream until its goal. */
export interface StreamRun<E> {
  /** Creates the source with the watch's observers. May throw `ConfigError`. */
  readonly source: (watch: Watch) => Observable<E>
  readonly options: StreamOptions
  readonly messages: Messages
  /** Where events are written; without it they are only counted. */
  readonly sink?: LineSink | undefined
  /**
   * The line of an event.
   * @default its JSON
   */
  readonly lineOf?: ((event: E) => string) | undefined
  /** Where a value of the source is several events: writes it, resolves with their number. */
  readonly writeAll?: ((value: E) => Promise<number>) | undefined
  readonly view?: View | undefined
  /** The hosts of a Jetstream as they were typed, which `doctor` can look at. */
  readonly jetstreams?: readonly string[] | undefined
}

// How many lines may be in flight to the system. A line in flight is not done, so the checkpoint
// waits for it.
const WRITES_AT_ONCE = 256
// The same for lines that come in chunks of some 64 KB.
const CHUNKS_AT_ONCE = 16
// After a signal: how long stdout may take for the pending lines.
const DRAIN_MS = 5000

/** Reads and writes until the end. Returns the exit code. */
export async function runStream<E>(run: StreamRun<E>): Promise<ExitCode> {
  const watch = new Watch(run.messages)
  const runner = new StreamRunner(run, watch)
  const orLoss = (exitCode: ExitCode) => (run.options.strict && watch.lost ? EXIT.loss : exitCode)
  try {
    await runner.read()
    run.view?.end(runner.snapshot)
    // The last line of --metrics says the same.
    if (!run.options.metrics) run.messages.info(summaryOf(runner.snapshot))
    return orLoss(runner.exitCode)
  } catch (error) {
    const { exitCode, messages } = failureOf(error, watch.connected, {
      program: run.messages.program,
      jetstreams: run.jetstreams,
    })
    // Show nothing if nothing was read, or if the reader has exited.
    if (messages.length === 0 || !watch.connected) run.messages.region.clear()
    else run.view?.end(runner.snapshot)
    for (const message of messages) run.messages.error(message)
    return exitCode === EXIT.done ? orLoss(exitCode) : exitCode
  }
}

class StreamRunner<E> {
  #signal: StopSignal | undefined
  #written = 0
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
    const { metrics, connected, unreadable: unread } = this.watch
    return {
      metrics,
      connected,
      events: this.#written,
      unreadable: unread,
      perSecond: this.#rate.sample(this.#written, elapsedMs),
      elapsedMs,
    }
  }

  async read(): Promise<void> {
    const { view } = this.run
    const events$ = this.#events$()
    const stopListening = onStopSignal((signal) => this.#stop(signal))
    const shows = view?.when(this.watch.metrics$).subscribe(() => view.show(this.snapshot))
    try {
      await lastValueFrom(events$, { defaultValue: undefined })
    } finally {
      shows?.unsubscribe()
      stopListening()
    }
  }

  #events$(): Observable<unknown> {
    const { limit = Number.POSITIVE_INFINITY, for: forMs, connectTimeout } = this.run.options
    const over$ = forMs === undefined ? NEVER : this.watch.over$(forMs)
    return this.run
      .source(this.watch)
      .pipe(
        takeUntil(merge(this.#stop$, over$, this.run.view?.quit$ ?? NEVER)),
        take(limit),
        this.#write(),
        takeUntil(this.watch.neverConnected$(connectTimeout)),
        takeUntil(this.#drainedTooLong$()),
      )
  }

  /** The work is the write: a slow reader of stdout fills the queue, which pauses the socket. */
  #write(): MonoTypeOperatorFunction<E> {
    const { sink, writeAll } = this.run
    if (writeAll !== undefined) return this.#writeChunks(writeAll)
    if (sink === undefined) return tap(() => this.#countWritten(1))
    const write = async (event: E): Promise<E> => {
      const line = this.#lineOf(event)
      if (line === undefined) return event
      await sink.write(line)
      this.#countWritten(1)
      return event
    }
    return boundedMergeMap(write, { concurrency: WRITES_AT_ONCE })
  }

  #writeChunks(writeAll: (value: E) => Promise<number>): MonoTypeOperatorFunction<E> {
    const write = async (value: E): Promise<E> => {
      this.#countWritten(await writeAll(value))
      return value
    }
    return boundedMergeMap(write, { concurrency: CHUNKS_AT_ONCE, capacity: CHUNKS_AT_ONCE })
  }

  /** Returns `undefined` for an event that cannot be written, which is counted as lost. */
  #lineOf(event: E): string | undefined {
    try {
      return this.run.lineOf?.(event) ?? JSON.stringify(event)
    } catch (error) {
      this.watch.cannotRead(`skipped an event that cannot be written: ${(error as Error).message}`)
      return undefined
    }
  }

  #countWritten(count: number): void {
    this.#written += count
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
          `stdout did not take the pending lines within ${duration(DRAIN_MS)}; ` +
            'the position in a --cursor-file is before them',
        ),
      ),
    )
  }
}
