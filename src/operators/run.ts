import {
  type BehaviorSubject,
  filter,
  firstValueFrom,
  ignoreElements,
  merge,
  type Observable,
  type OperatorFunction,
  of,
  ReplaySubject,
  race,
  Subject,
  type Subscription,
  takeUntil,
  tap,
  timer,
} from 'rxjs'
import * as z from '#schema'
import { currentDelivery, type DeliverySource } from '../delivery/delivery.js'
import { type StreamMetrics, streamMetrics } from '../delivery/metrics.js'
import {
  type ClosableStore,
  type SubscriptionWatch,
  type WatchedStream,
  watching,
} from '../delivery/subscription-watch.js'
import { PipeError, StreamError } from '../errors.js'
import { type LevelLog, type Logger, levelsOf } from '../internal/log.js'
import { messageOf } from '../internal/message-of.js'
import { checkShape } from '../options/check-shape.js'
import { log } from '../options/contracts.js'
import { Issues } from '../options/issues.js'
import { defaultsTo, delay, LONGEST_TIMER_MS, optional } from '../options/pieces.js'
import type { WithDefaults } from '../options/with-defaults.js'
import { drain } from './drain.js'
import {
  type IngestOptions,
  type Ingestor,
  type Ingestors,
  ingesting,
  ingestorIssues,
  ingestShape,
} from './ingest.js'
import { checkQueueOptions } from './queue-options.js'
import type { Routable } from './route.js'

/** How {@link run} works on events, and how it stops. */
export interface RunOptions<E> extends IngestOptions<E> {
  /**
   * Whether SIGTERM and SIGINT, on Windows also Ctrl+Break, call {@link Running.stop}. A second
   * signal ends the process as if nobody listened. Node only.
   * @default false
   */
  readonly signals?: boolean | undefined
  /**
   * How long waiting events are still worked on after the source has completed or was stopped, in
   * milliseconds. Saving the checkpoint has one second more. The default leaves room within the
   * 10 s after which Docker kills a container.
   * @default 8000
   */
  readonly drainMs?: number | undefined
  /**
   * Receives the error that ends the stream, by `error`, and a signal, by `info`; `warn` where a
   * logger has no such method. `false`: nothing is written.
   * @default console
   */
  readonly log?: false | Logger | undefined
}

/** A pipe that runs. */
export interface Running {
  /**
   * The metrics of the source. Of several sources, those of the one that was subscribed first. Once
   * the pipe has failed, `connection.reason` is {@link failed}.
   */
  readonly metrics$: BehaviorSubject<StreamMetrics>
  /**
   * Resolves when the pipe has ended, its checkpoint is saved and its store is closed: after
   * {@link stop}, completion or a fatal error. Never rejects.
   */
  readonly drained: Promise<void>
  /** The error that ended the pipe; `undefined` while it runs, and after a good end. */
  readonly failed: StreamError | undefined
  /** Reads no further event, and lets the work end. Returns {@link drained}. Idempotent. */
  stop(): Promise<void>
}

/** How {@link run} stops, where an operator of yours does the work. */
export type PipeOptions = Pick<RunOptions<never>, 'signals' | 'drainMs' | 'log'>

const pipeShape = {
  signals: optional(z.boolean('must be true or false')),
  drainMs: defaultsTo(delay, 8000),
  log: optional(log),
}
const shape = { ...ingestShape, ...pipeShape }

type FilledOptions = WithDefaults<PipeOptions, typeof pipeShape>

/**
 * Subscribes a source with an operator of yours, such as {@link boundedBatchMap} or a pipe of
 * several, and carries it to its end. The operator works on after {@link Running.stop}. All else is
 * as with ingestors.
 *
 * @example
 * ```ts
 * import type { JetstreamEvent } from 'rxjs-atproto'
 *
 * const rows = boundedBatchMap((events: readonly JetstreamEvent[]) => table.insert(events))
 * const indexer = run(jetstream$(config), rows, { signals: true })
 * ```
 */
export function run<E>(
  source$: Observable<E>,
  work: OperatorFunction<NoInfer<E>, unknown>,
  options?: PipeOptions,
): Running
/**
 * Subscribes a source with {@link ingest}, and carries the pipe to its end: for a program that does
 * little else.
 *
 * **Order**, **Loss**: those of `ingest`. **Completion**: see {@link Running.drained}. **Errors**:
 * what ends the pipe is {@link Running.failed}, and one line in `log`. An error that is not of this
 * library is the cause of a {@link PipeError}. {@link ConfigError} at the call.
 *
 * @example
 * ```ts
 * const indexer = run(jetstream$(config), ingestors, { concurrency: 16, signals: true })
 * await indexer.drained
 * if (indexer.failed !== undefined) process.exitCode = 1
 * ```
 */
export function run<E extends Routable, Keys extends string>(
  source$: Observable<E>,
  ingestors: Ingestors<E, Keys>,
  options?: RunOptions<NoInfer<E>>,
): Running
/** With a `Map` of ingestors, whose handlers receive every type of event. */
export function run<E extends Routable>(
  source$: Observable<E>,
  ingestors: ReadonlyMap<string, Ingestor<NoInfer<E>>>,
  options?: RunOptions<NoInfer<E>>,
): Running
/** What all overloads do. */
export function run<E extends Routable>(
  source$: Observable<E>,
  ingestors: object,
  options: RunOptions<E> = {},
): Running {
  if (typeof ingestors === 'function')
    return runPipe(source$, ingestors as OperatorFunction<E, unknown>, options)
  const filled = checkQueueOptions('run', shape, options, ingestorIssues(ingestors))
  return new Runner(source$, ingesting(ingestors, filled), filled)
}

function runPipe<E>(
  source$: Observable<E>,
  work: OperatorFunction<E, unknown>,
  options: PipeOptions,
): Running {
  const issues = new Issues()
  const filled = checkShape(pipeShape, options, issues)
  issues.throwIfAny('run')
  return new Runner(source$, drain(work, filled.drainMs), filled)
}

// How long the checkpoint may take to be saved after the time to drain.
const SAVE_MS = 1000

class Runner<E> implements Running, SubscriptionWatch {
  readonly metrics$ = streamMetrics()
  readonly drained: Promise<void>
  #failed: StreamError | undefined
  readonly #streams = new Set<WatchedStream>()
  readonly #stores = new Set<ClosableStore>()
  // The one whose metrics are published.
  #shown: WatchedStream | undefined
  readonly #changed$ = new Subject<void>()
  readonly #stop$ = new Subject<void>()
  // Emits when nothing is waited for any more.
  readonly #late$ = new ReplaySubject<unknown>(1)
  #clock: Subscription | undefined
  readonly #log: LevelLog

  constructor(
    source$: Observable<E>,
    work: OperatorFunction<E, unknown>,
    private readonly options: FilledOptions,
  ) {
    this.#log = levelsOf(options.log)
    const stopListening = options.signals ? this.#listen() : () => {}
    const pipe$ = source$.pipe(
      // A `retry` above subscribes again where no call of ours is on the stack.
      tap(() => currentDelivery()?.eachSource(this.#noteSource)),
      takeUntil(this.#stop$),
      work,
      ignoreElements(),
      takeUntil(this.#late$),
    )
    const ended = new Promise<void>((resolve) => {
      watching(this, () => pipe$.subscribe({ error: (error) => this.#fail(error) })).add(resolve)
    })
    this.drained = ended.then(() => this.#close()).finally(stopListening)
  }

  get failed(): StreamError | undefined {
    return this.#failed
  }

  stop(): Promise<void> {
    this.#startClock()
    this.#stop$.next()
    return this.drained
  }

  // --- What is found at subscription ---

  found(stream: WatchedStream): void {
    // A `retry` brings a new one each time: those that have ended need no memory.
    for (const other of this.#streams) if (other.closed) this.#streams.delete(other)
    this.#streams.add(stream)
    if (this.metrics$.value.connection.state === 'closed') this.#shown = undefined
    this.#shown ??= stream
    stream.watch({ next: (metrics) => this.#publish(stream, metrics) })
  }

  foundStore(store: ClosableStore): void {
    this.#stores.add(store)
  }

  readonly #noteSource = (source: DeliverySource): void => {
    if (source === (this.#shown as unknown)) return
    if (!('watch' in source)) return
    const stream = source as DeliverySource & WatchedStream
    if (this.#streams.has(stream)) return
    this.found(stream)
    stream.publish()
  }

  #publish(stream: WatchedStream, metrics: StreamMetrics): void {
    if (stream === this.#shown) this.metrics$.next(this.#withFailure(metrics))
    this.#changed$.next()
  }

  #withFailure(metrics: StreamMetrics): StreamMetrics {
    const { connection } = metrics
    if (this.#failed === undefined || connection.reason !== undefined) return metrics
    const { host = '', since } = connection
    const failed = { state: 'closed', host, since, reason: this.#failed } as const
    return Object.freeze({ ...metrics, connection: Object.freeze(failed) })
  }

  // --- The end ---

  #fail(error: unknown): void {
    const failed =
      error instanceof StreamError
        ? error
        : new PipeError(`the pipe threw: ${messageOf(error)}`, { cause: error })
    this.#failed = failed
    this.#log.error(
      `the stream has ended with ${failed.code}: ${failed.message}; see ${failed.docs}`,
    )
    this.metrics$.next(this.#withFailure(this.metrics$.value))
  }

  #startClock(): void {
    this.#clock ??= timer(Math.min(this.options.drainMs + SAVE_MS, LONGEST_TIMER_MS)).subscribe(
      (late) => {
        this.#late$.next(late)
      },
    )
  }

  /** Work that cannot be cancelled may still end, and is then saved. */
  async #close(): Promise<void> {
    this.#startClock()
    const streams = [...this.#streams]
    await this.#inTime(
      merge(of(undefined), this.#changed$).pipe(
        filter(() => streams.every(({ closed }) => closed)),
      ),
    )
    await this.#inTime(Promise.allSettled(streams.map((stream) => stream.flush())))
    await this.#inTime(Promise.all([...this.#stores].map((store) => this.#closeStore(store))))
    this.#clock?.unsubscribe()
  }

  async #inTime(ends: Observable<unknown> | Promise<unknown>): Promise<void> {
    await firstValueFrom(race(ends, this.#late$))
  }

  async #closeStore(store: ClosableStore): Promise<void> {
    try {
      await store.close?.()
    } catch (error) {
      this.#log.warn(`the cursor store could not be closed: ${messageOf(error)}`)
    }
  }

  #listen(): () => void {
    if (typeof process === 'undefined') return () => {}
    const stopListening = () => {
      for (const signal of SIGNALS) process.off(signal, stop)
    }
    const stop = (signal: NodeJS.Signals): void => {
      stopListening()
      const { drainMs } = this.options
      this.#log.info(`${signal}: reading has stopped; work may take ${drainMs / 1000} s to end`)
      void this.stop()
    }
    for (const signal of SIGNALS) process.on(signal, stop)
    return stopListening
  }
}

// SIGBREAK: Ctrl+Break on Windows, which sends no SIGTERM.
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGBREAK'] as const
