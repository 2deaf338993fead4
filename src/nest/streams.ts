import {
  type BeforeApplicationShutdown,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common'
import { DiscoveryModule, DiscoveryService, ExternalContextCreator } from '@nestjs/core'
import { NEVER, Subscription } from 'rxjs'
import { ConfigError, type StreamError } from '../index.js'
import { Issues } from '../options/issues.js'
import { NamedStream } from './atproto-stream.js'
import { checkExternal } from './external-position.js'
import { findHandlers } from './find-handlers.js'
import type { Handler } from './handles.js'
import { checkStreamOptions, type StreamOptions } from './options.js'
import { onFatal, warnWithoutHooks } from './shut-down.js'
import { AtprotoTesting } from './testing.js'

/** All streams of an application, from its bootstrap to its end. */
export class AtprotoStreams implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #streams = new Map<string, NamedStream>()
  readonly #logger = new Logger('AtprotoModule')
  readonly #timers = new Subscription()

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly contexts: ExternalContextCreator,
    private readonly testing: AtprotoTesting | undefined,
  ) {}

  /** Throws `ConfigError` where another module has a stream of this name. */
  add(name: string, options: StreamOptions): NamedStream {
    if (this.#streams.has(name)) throw mistake('stream', `'${name}' is the name of two streams`)
    const stream = new NamedStream(name, options)
    this.#streams.set(name, stream)
    return stream
  }

  get all(): readonly NamedStream[] {
    return [...this.#streams.values()]
  }

  onApplicationBootstrap(): void {
    const handlers = findHandlers(this.discovery, this.contexts)
    if (this.testing === undefined) this.#check(handlers)
    else this.#addMissing(handlers)
    const starts = this.all.map((stream) => this.#prepare(stream, ofStream(stream, handlers)))
    for (const start of starts) start()
    if (this.#streams.size > 0 && this.testing === undefined) this.#timers.add(this.#watchHooks())
  }

  /** Reads no further event, and lets the work end. The stores are closed then. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#timers.unsubscribe()
    await this.#stop()
  }

  #stop = (): Promise<unknown> => Promise.all(this.all.map((stream) => stream.stop()))

  /** Throws `ConfigError` with every mistake. */
  #check(handlers: readonly Handler[]): void {
    const issues = new Issues()
    for (const { name, handles } of handlers)
      if (!this.#streams.has(handles.stream))
        issues.add(name, `is for the stream '${handles.stream}', which no module configures`)
    for (const stream of this.all) checkExternal(stream, ofStream(stream, handlers), issues)
    issues.throwIfAny('AtprotoModule')
  }

  /** A test may have the handlers alone. */
  #addMissing(handlers: readonly Handler[]): void {
    for (const { handles } of handlers)
      if (!this.#streams.has(handles.stream))
        this.add(handles.stream, checkStreamOptions({ source: { events$: NEVER } }))
  }

  #prepare(stream: NamedStream, handlers: readonly Handler[]): () => void {
    if (handlers.length === 0) {
      this.#logger.warn(`the stream '${stream.name}' has no handlers, and is not opened`)
      return () => {}
    }
    this.#warnOfOvertaking(handlers)
    void stream.drained.then(() => {
      if (stream.failed !== undefined) this.#failed(stream, stream.failed)
    })
    return stream.prepare(handlers, this.testing?.sourceOf(stream))
  }

  /** A batch waits, and a delete of the same collection does not. */
  #warnOfOvertaking(handlers: readonly Handler[]): void {
    for (const { name, handles } of handlers) {
      if (handles.on !== 'batch' || handles.deletes) continue
      const { collection } = handles
      const other = handlers.find(
        (one) => one.handles.on === 'delete' && one.handles.collection === collection,
      )
      if (other !== undefined)
        this.#logger.warn(
          `${other.name} may handle a delete before ${name} has its create, since batches wait. ` +
            'Take both in the batch, with `deletes: true`',
        )
    }
  }

  #failed(stream: NamedStream, error: StreamError): void {
    // One that ends on the way down changes nothing. Tests see it in `drained`.
    if (this.#timers.closed || this.testing !== undefined) return
    this.#timers.add(onFatal(stream, error, this.#stop))
  }

  #watchHooks(): Subscription {
    return warnWithoutHooks(() =>
      this.#logger.warn(
        'nothing listens to SIGTERM: call `app.enableShutdownHooks()`, or events in work are ' +
          'handled again after a restart',
      ),
    )
  }
}

const ofStream = ({ name }: NamedStream, handlers: readonly Handler[]): readonly Handler[] =>
  handlers.filter(({ handles }) => handles.stream === name)

const mistake = (option: string, message: string): ConfigError =>
  new ConfigError('AtprotoModule', [{ option, message }])

/** One for all streams. */
export class AtprotoCoreModule {}
Module({
  imports: [DiscoveryModule],
  providers: [
    {
      provide: AtprotoStreams,
      inject: [DiscoveryService, ExternalContextCreator, { token: AtprotoTesting, optional: true }],
      useFactory: (
        discovery: DiscoveryService,
        contexts: ExternalContextCreator,
        testing?: AtprotoTesting,
      ) => new AtprotoStreams(discovery, contexts, testing),
    },
  ],
  exports: [AtprotoStreams],
})(AtprotoCoreModule)
