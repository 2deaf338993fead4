import { Logger } from '@nestjs/common'
import type { BehaviorSubject, Observable, OperatorFunction } from 'rxjs'
import {
  type Health,
  type HealthLimits,
  healthOf,
  type IngestOptions,
  type Routable,
  type Running,
  run,
  type StreamError,
  type StreamMetrics,
  streamMetrics,
} from '../index.js'
import { filterOf } from './filter-of.js'
import type { Handler } from './handles.js'
import type { StreamOptions } from './options.js'
import { sourceOf } from './source.js'
import { workOf } from './work.js'

/** A stream of an application, as `@InjectStream()` gives it. */
export interface AtprotoStream extends Running {
  readonly name: string
  /** Whether the stream works, with reasons: see `healthOf`. */
  health(limits?: HealthLimits): Health
}

/** A stream from the making of its module to the end of the application. */
export class NamedStream implements AtprotoStream {
  readonly metrics$: BehaviorSubject<StreamMetrics> = streamMetrics()
  readonly drained: Promise<void>
  #running: Running | undefined
  #isStopped = false
  #end: () => void = () => {}

  constructor(
    readonly name: string,
    readonly options: StreamOptions,
  ) {
    this.drained = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /**
   * Returns what subscribes. Throws `ConfigError` before that, while no stream is open yet.
   * `source$`: in place of the one of the options.
   */
  prepare(handlers: readonly Handler[], source$?: Observable<Routable>): () => void {
    const { ingest } = this.options
    // A test waits for no further attempt.
    const options = source$ === undefined ? ingest : { ...ingest, attempts: 1 }
    const work = workOf(handlers, options as IngestOptions<Routable> | undefined)
    const events$ = source$ ?? this.#source(handlers)
    return () => this.#start(events$, work)
  }

  get failed(): StreamError | undefined {
    return this.#running?.failed
  }

  stop(): Promise<void> {
    this.#isStopped = true
    if (this.#running === undefined) this.#end()
    return this.#running?.stop() ?? this.drained
  }

  health(limits?: HealthLimits): Health {
    return healthOf(this.metrics$.value, limits)
  }

  #start(events$: Observable<Routable>, work: OperatorFunction<Routable, unknown>): void {
    if (this.#isStopped) return
    const { drainMs } = this.options.ingest ?? {}
    this.#running = run(events$, work, { drainMs, log: this.#log })
    this.#running.metrics$.subscribe((metrics) => this.metrics$.next(metrics))
    void this.#running.drained.then(this.#end)
  }

  #source(handlers: readonly Handler[]): Observable<Routable> {
    const { name } = this
    const { source } = this.options
    const gaps = handlers.filter(({ handles }) => handles.on === 'gap')
    return sourceOf({ ...this.options, name }, filterOf(handlers, source), {
      log: this.#log,
      ...(gaps.length > 0 && { gaps: { next: (gap) => void this.#tell(gaps, gap) } }),
    })
  }

  async #tell(handlers: readonly Handler[], gap: unknown): Promise<void> {
    // Nest has logged the failure already.
    await Promise.allSettled(handlers.map((handler) => handler.call(gap)))
  }

  get #log() {
    const logger = new Logger(`AtprotoStream ${this.name}`)
    return {
      info: (text: string) => logger.log(text),
      warn: (text: string) => logger.warn(text),
      error: (text: string) => logger.error(text),
    }
  }
}
