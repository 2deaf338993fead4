import {
  type Attributes,
  type Context,
  context,
  metrics as globalMetrics,
  type Histogram,
  type Meter,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { from, Observable, type ObservableInput, tap } from 'rxjs'
import { messageOf } from '../internal/message-of.js'
import { isWork } from '../operators/bounded-work.js'
import type { Around } from '../operators/ingest.js'
import type { Routable } from '../operators/route.js'
import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import type { WithDefaults } from '../options/with-defaults.js'
import { VERSION } from '../version.js'
import { messagingAttributes, SCOPE, type WrittenNames, writtenNames } from './names.js'
import { tracedShape } from './options.js'

/** How {@link traced} makes spans. */
export interface TracedOptions {
  /**
   * The name of the stream, as an attribute: `rxjs_atproto.stream`, and
   * `messaging.destination.name` under the messaging conventions.
   * @default none
   */
  readonly stream?: string | undefined
  /**
   * More attributes of every span and duration.
   * @default none
   */
  readonly attributes?: Attributes | undefined
  /**
   * Starts the spans.
   * @default that of the global `TracerProvider`, named `rxjs-atproto`
   */
  readonly tracer?: Tracer | undefined
  /**
   * Makes the histogram of durations.
   * @default that of the global `MeterProvider`, named `rxjs-atproto`
   */
  readonly meter?: Meter | undefined
  /**
   * Read in place of the environment variable `OTEL_SEMCONV_STABILITY_OPT_IN`: `messaging` or
   * `messaging/dup`, among other words.
   * @default the variable
   */
  readonly semconvStabilityOptIn?: string | undefined
}

/**
 * Makes a span of OpenTelemetry for each attempt of an ingestor, for the option `around` of
 * {@link ingest} and {@link run}. It begins a trace of its own, is called `process` and the key of
 * the ingestor, and is active while the ingestor runs: what that calls adds spans below it. It ends
 * with the work, and has its error. Its duration is recorded in a histogram, in seconds.
 *
 * Under `messaging` in `OTEL_SEMCONV_STABILITY_OPT_IN` attributes and histogram have the names of
 * the messaging conventions, such as `messaging.process.duration`.
 *
 * **Errors**: {@link ConfigError} at the call.
 *
 * @example
 * ```ts
 * run(jetstream$(config), ingestors, { around: traced({ stream: 'posts' }) })
 * ```
 */
export function traced(options: TracedOptions = {}): Around<Routable> {
  const issues = new Issues()
  const filled = checkShape(tracedShape, options, issues)
  issues.throwIfAny('traced')
  const tracing = new Tracing(filled)
  return (work, event, key) => tracing.around(work, event, key)
}

// Those that the messaging conventions advise.
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const PROCESS = { name: 'process', type: 'process' }

class Tracing {
  readonly #names: WrittenNames
  readonly #tracer: Tracer
  readonly #durations: readonly Histogram[]

  constructor(private readonly options: WithDefaults<TracedOptions, typeof tracedShape>) {
    this.#names = writtenNames(options.semconvStabilityOptIn)
    this.#tracer = options.tracer ?? trace.getTracer(SCOPE, VERSION)
    const meter = options.meter ?? globalMetrics.getMeter(SCOPE, VERSION)
    const { own, messaging } = this.#names
    this.#durations = [
      ...(own ? ['rxjs_atproto.process.duration'] : []),
      ...(messaging ? ['messaging.process.duration'] : []),
    ].map((name) =>
      meter.createHistogram(name, {
        description: 'Duration of processing operation.',
        unit: 's',
        advice: { explicitBucketBoundaries: BOUNDARIES },
      }),
    )
  }

  around(work: () => ReturnType<Around<Routable>>, event: Routable, key: string) {
    const attributes = this.#attributesOf(key)
    const span = this.#tracer.startSpan(`process ${key}`, {
      kind: SpanKind.CONSUMER,
      // A stream that was subscribed inside a span would put all of its events into one trace.
      root: true,
      attributes: { ...attributes, ...this.#detailsOf(event) },
    })
    const attempt = new Attempt(span, this.#durations, attributes)
    const within = trace.setSpan(context.active(), span)
    try {
      const answer = context.with(within, work)
      if (isWork(answer)) return attempt.follow$(answer as ObservableInput<unknown>, within)
    } catch (error) {
      attempt.end(error)
      throw error
    }
    attempt.end()
    return undefined
  }

  /** Few values each, since they are those of the histogram too. */
  #attributesOf(key: string): Attributes {
    const { stream, attributes } = this.options
    const { own, messaging } = this.#names
    const ours = { 'rxjs_atproto.ingestor': key, ...(stream && { 'rxjs_atproto.stream': stream }) }
    const theirs = {
      ...messagingAttributes(PROCESS, stream),
      'messaging.destination.template': key,
    }
    return { ...attributes, ...(own && ours), ...(messaging && theirs) }
  }

  #detailsOf(event: Routable): Attributes {
    const { did, cursor, time_us, id, commit, collection, rkey } = event as Details
    const at = commit ?? { collection, rkey }
    const message = id ?? cursor ?? time_us
    return defined({
      'atproto.did': did,
      'atproto.collection': at.collection,
      'atproto.rkey': at.rkey,
      ...(this.#names.messaging && { 'messaging.message.id': message?.toString() }),
    })
  }
}

/** What an event may say of itself. */
interface Details {
  readonly did?: string
  readonly cursor?: number
  readonly time_us?: number
  readonly id?: number
  readonly collection?: string
  readonly rkey?: string
  readonly commit?: { readonly collection?: string; readonly rkey?: string }
}

const defined = (attributes: Readonly<Record<string, string | undefined>>): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))

/** One attempt of an ingestor. */
class Attempt {
  // Milliseconds with a fraction: many handlers take less than one.
  readonly #startedAt = performance.now()

  constructor(
    private readonly span: Span,
    private readonly durations: readonly Histogram[],
    private readonly attributes: Attributes,
  ) {}

  follow$(work: ObservableInput<unknown>, within: Context): Observable<unknown> {
    const followed$ = from(work).pipe(
      tap({
        complete: () => this.end(),
        error: (error) => this.end(error),
        unsubscribe: () => this.#finish('given up', 'the work was given up'),
      }),
    )
    return new Observable((subscriber) =>
      context.with(within, () => followed$.subscribe(subscriber)),
    )
  }

  end(...errors: readonly unknown[]): void {
    const [error] = errors
    if (errors.length === 0) this.#finish()
    else {
      this.span.recordException(error instanceof Error ? error : messageOf(error))
      this.#finish(error instanceof Error ? error.name : '_OTHER', messageOf(error))
    }
  }

  #finish(errorType?: string, message = ''): void {
    const failed = errorType === undefined ? {} : { 'error.type': errorType }
    if (errorType !== undefined) {
      this.span.setAttributes(failed)
      this.span.setStatus({ code: SpanStatusCode.ERROR, message })
    }
    this.span.end()
    const seconds = (performance.now() - this.#startedAt) / 1000
    for (const duration of this.durations)
      duration.record(seconds, { ...this.attributes, ...failed })
  }
}
