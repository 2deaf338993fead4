import { firstValueFrom, Observable, Subject, type Subscriber } from 'rxjs'
import { DeliveryStream, type StreamOwner } from '../delivery/delivery-stream.js'
import {
  type AtprotoEvent,
  ConfigError,
  type LabelEvent,
  type Routable,
  type TapEvent,
} from '../index.js'
import { SILENT } from '../internal/log.js'
import type { AtprotoStream } from './atproto-stream.js'
import { DEFAULT_STREAM } from './tokens.js'

type Tested = Pick<AtprotoStream, 'name' | 'failed'>

/**
 * Emits the events of a test, in place of every source. Of `AtprotoTestingModule`.
 */
export class AtprotoTesting {
  readonly #sources = new Map<string, TestSource>()

  /** The source of a stream: what {@link emit} emits. */
  sourceOf(stream: Tested): Observable<Routable> {
    const source = new TestSource(stream)
    this.#sources.set(stream.name, source)
    return source.events$
  }

  /** Sends one event to the handlers. **Errors**: {@link ConfigError} before the bootstrap. */
  emit(event: AtprotoEvent | TapEvent | LabelEvent, stream: string = DEFAULT_STREAM): void {
    this.#of(stream, 'emit').emit(event as Routable)
  }

  /**
   * Resolves when all events emitted so far are done. Rejects with the error that has ended the
   * stream, as that of a handler which no `@OnDeadLetter` took.
   */
  drained(stream: string = DEFAULT_STREAM): Promise<void> {
    return this.#of(stream, 'drained').drained()
  }

  #of(name: string, method: string): TestSource {
    const source = this.#sources.get(name)
    if (source !== undefined) return source
    const message = `'${name}' has no handlers, or the application is not initialized yet`
    throw new ConfigError(`AtprotoTesting.${method}`, [{ option: 'stream', message }])
  }
}

const HOST = 'test'

/** A source without a socket, whose deliveries are real. */
class TestSource implements StreamOwner<Routable> {
  readonly host = HOST
  readonly canResend = false
  readonly position = { cursor: undefined }
  readonly events$ = new Observable<Routable>((subscriber) => this.#open(subscriber))
  readonly #idle$ = new Subject<void>()
  #deliveries: DeliveryStream<Routable> | undefined

  constructor(private readonly stream: Tested) {}

  emit(event: Routable): void {
    const deliveries = this.#deliveries
    if (deliveries === undefined || deliveries.isStopped) return
    deliveries.counts.frames += 1
    deliveries.counts.events += 1
    deliveries.deliver(event, HOST, deliveries.counts.events, 0, 0)
  }

  async drained(): Promise<void> {
    if ((this.#deliveries?.ledger.open ?? 0) > 0) await firstValueFrom(this.#idle$)
    if (this.stream.failed !== undefined) throw this.stream.failed
  }

  #open(subscriber: Subscriber<Routable>): () => void {
    const deliveries = new DeliveryStream<Routable>(
      { metrics$: undefined, gaps: undefined, log: SILENT },
      subscriber,
      this,
    )
    this.#deliveries = deliveries
    deliveries.report.become({ state: 'open', host: HOST })
    return () => deliveries.stop()
  }

  // --- Calls of its deliveries ---

  settled(): void {
    if (this.#deliveries?.ledger.open === 0) this.#idle$.next()
  }

  paused(): void {}
  resumed(): void {}
  stopped(): void {}
  flush(): undefined {}
}
