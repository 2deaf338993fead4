import { context, type Meter, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { lastValueFrom, NEVER, of, Subject, timer, toArray } from 'rxjs'
import { type OtelMetricsOptions, otelMetrics, type TracedOptions, traced } from 'rxjs-atproto/otel'
import {
  ConfigError,
  type Ingestor,
  ingest,
  jetstream$,
  prometheusText,
  run,
  type StreamMetrics,
  streamMetrics,
} from '../../src/index.js'
import { fakeJetstream } from '../../src/testing/index.js'
import { collector, type ReceivedMetric } from './collector.js'

type Received = Awaited<ReturnType<typeof collector>>
let received: Received
beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  received = await collector()
})
beforeEach(() => {
  received.metrics.length = 0
  received.spans.length = 0
})
afterAll(async () => {
  context.disable()
  await received.close()
})

/** Never by the clock: what `flush` collects is all that comes. */
function metricsSdk() {
  const exporter = new OTLPMetricExporter({ url: `${received.url}/v1/metrics` })
  const exportIntervalMillis = 2 ** 30
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis })
  const provider = new MeterProvider({ readers: [reader] })
  return { meter: provider.getMeter('spec'), provider }
}

const named = (name: string): ReceivedMetric | undefined =>
  received.metrics.find((metric) => metric.name === name)

const metricsOf = (changes: Partial<StreamMetrics>) => ({
  value: { ...streamMetrics().value, ...changes },
})

describe('otelMetrics', () => {
  async function collected(
    changes: Partial<StreamMetrics>,
    options: OtelMetricsOptions = {},
  ): Promise<void> {
    const { meter, provider } = metricsSdk()
    otelMetrics(metricsOf(changes), { meter, semconvStabilityOptIn: '', ...options })
    await provider.shutdown()
  }

  it('sends each metric of prometheusText to a collector, with its help and unit', async () => {
    const changes = { events: 7, bytes: 9, done: 5, lagMs: 1500, lastEventAt: 4000, cursor: 3 }
    await collected({ ...changes, checkpoint: 2, unroutedKinds: { commit: 1 } })
    const families = prometheusText(metricsOf(changes).value)
    const expected = [...families.matchAll(/^# HELP rxjs_atproto_(\w+) (.+)$/gm)]
      .map(([, name = '', help = '']) => [`rxjs_atproto.${bare(name)}`, help])
      // Of listings alone.
      .filter(([name]) => name !== 'rxjs_atproto.completed')
    expect(received.metrics.map(({ name, description }) => [name, description])).toEqual(expected)
    expect(named('rxjs_atproto.lag')).toMatchObject({ unit: 's', points: [{ value: 1.5 }] })
    expect(named('rxjs_atproto.events_done')).toMatchObject({
      unit: '{event}',
      points: [{ value: 5 }],
    })
    expect(named('rxjs_atproto.bytes_received')).toMatchObject({ unit: 'By' })
  })

  const bare = (name: string) => name.replace(/_total$|_seconds$/, '')

  it('names streams by an attribute, and kinds by another', async () => {
    const { meter, provider } = metricsSdk()
    const options = (stream: string) => ({ meter, stream, attributes: { pod: 'a' } })
    otelMetrics(metricsOf({ done: 1, unroutedKinds: { commit: 4 } }), options('posts'))
    otelMetrics(metricsOf({ done: 2 }), options('labels'))
    await provider.shutdown()
    expect(named('rxjs_atproto.events_done')?.points).toEqual([
      { value: 1, attributes: { stream: 'posts', pod: 'a' } },
      { value: 2, attributes: { stream: 'labels', pod: 'a' } },
    ])
    expect(named('rxjs_atproto.events_unrouted_by_kind')?.points).toEqual([
      { value: 4, attributes: { stream: 'posts', pod: 'a', kind: 'commit' } },
    ])
  })

  it('counts consumed messages under the messaging conventions, if asked to', async () => {
    await collected({ delivered: 3 })
    expect(named('messaging.client.consumed.messages')).toBeUndefined()
    const semconvStabilityOptIn = 'http, messaging'
    await collected({ delivered: 3 }, { semconvStabilityOptIn, stream: 'posts' })
    expect(named('messaging.client.consumed.messages')).toMatchObject({
      unit: '{message}',
      points: [
        {
          value: 3,
          attributes: {
            'messaging.system': 'atproto',
            'messaging.operation.name': 'receive',
            'messaging.operation.type': 'receive',
            'messaging.destination.name': 'posts',
          },
        },
      ],
    })
  })

  it('reads the metrics when they are collected, until it is unsubscribed', async () => {
    const { meter, provider } = metricsSdk()
    const metrics$ = streamMetrics()
    const observed = otelMetrics(metrics$, { meter })
    const value = () => named('rxjs_atproto.events_done')?.points[0]?.value
    metrics$.next({ ...metrics$.value, done: 8 })
    await provider.forceFlush()
    expect(value()).toBe(8)
    received.metrics.length = 0
    observed.unsubscribe()
    metrics$.next({ ...metrics$.value, done: 9 })
    await provider.shutdown()
    expect(value()).not.toBe(9)
  })

  it('names the mistakes of its options', () => {
    const options = { stream: '', meter: 1 as unknown as Meter }
    expect(() => otelMetrics(streamMetrics(), options)).toThrow(ConfigError)
    expect(() => traced(options)).toThrow(/stream[\s\S]*meter/)
  })
})

describe('traced', () => {
  const post = {
    kind: 'commit',
    did: 'did:plc:a',
    time_us: 12,
    commit: { collection: 'app.bsky.feed.post', rkey: 'r' },
  } as const

  function sdk(options: TracedOptions = {}) {
    const exporter = new OTLPTraceExporter({ url: `${received.url}/v1/traces` })
    const spans = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
    const { meter, provider } = metricsSdk()
    const tracer = spans.getTracer('spec')
    const around = traced({ tracer, meter, semconvStabilityOptIn: '', ...options })
    const end = async () => {
      await spans.shutdown()
      await provider.shutdown()
    }
    return { around, tracer, end }
  }

  /** Works on one post, and tells the spans. */
  async function worked(work: Ingestor<unknown>, options?: TracedOptions) {
    const { around, end } = sdk(options)
    const rules = { around, onError: 'skip', onDeadLetter: () => {} } as const
    await lastValueFrom(of(post).pipe(ingest({ '*': work }, rules), toArray()))
    await end()
    return received.spans
  }

  it('makes a span of the work on each event of a stream', async () => {
    await using server = await fakeJetstream({ events: 20 })
    const { around, end } = sdk({ stream: 'posts' })
    let begun = 0
    let all = () => {}
    const came = new Promise<void>((resolve) => {
      all = resolve
    })
    const work = () => {
      begun += 1
      if (begun === 20) all()
      return timer(0)
    }
    const running = run(
      jetstream$({ host: server.url, cursor: 'oldest', log: false }),
      { '*': work },
      { around, log: false, concurrency: 4 },
    )
    await came
    await running.stop()
    await end()
    expect(received.spans).toHaveLength(20)
    const [span] = received.spans
    expect(span).toMatchObject({
      name: 'process *',
      kind: 5,
      status: { code: SpanStatusCode.UNSET },
      attributes: { 'rxjs_atproto.stream': 'posts', 'rxjs_atproto.ingestor': '*' },
    })
    expect(span?.attributes['atproto.did']).toMatch(/^did:/)
    expect(new Set(received.spans.map(({ traceId }) => traceId)).size).toBe(20)
  })

  it('records durations in seconds, under our name', async () => {
    await worked(() => {})
    expect(named('rxjs_atproto.process.duration')).toMatchObject({
      unit: 's',
      points: [{ value: 1, attributes: { 'rxjs_atproto.ingestor': '*' } }],
    })
    expect(named('messaging.process.duration')).toBeUndefined()
  })

  it('has the names of the messaging conventions where they are asked for', async () => {
    const semconvStabilityOptIn = 'messaging'
    const [span] = await worked(() => {}, { semconvStabilityOptIn, stream: 'posts' })
    const attributes = {
      'messaging.system': 'atproto',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'posts',
      'messaging.destination.template': '*',
    }
    expect(span?.attributes).toEqual({
      ...attributes,
      'messaging.message.id': '12',
      'atproto.did': 'did:plc:a',
      'atproto.collection': 'app.bsky.feed.post',
      'atproto.rkey': 'r',
    })
    expect(named('messaging.process.duration')).toMatchObject({
      unit: 's',
      points: [{ value: 1, attributes }],
    })
    expect(named('rxjs_atproto.process.duration')).toBeUndefined()
  })

  it('has both names under messaging/dup, and reads the variable', async () => {
    const variable = 'OTEL_SEMCONV_STABILITY_OPT_IN'
    const before = process.env[variable]
    process.env[variable] = 'messaging/dup,messaging'
    try {
      const [span] = await worked(() => {}, { semconvStabilityOptIn: undefined })
      expect(span?.attributes).toMatchObject({
        'messaging.system': 'atproto',
        'rxjs_atproto.ingestor': '*',
      })
      expect(received.metrics.map(({ name }) => name)).toEqual([
        'rxjs_atproto.process.duration',
        'messaging.process.duration',
      ])
    } finally {
      if (before === undefined) delete process.env[variable]
      else process.env[variable] = before
    }
  })

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('no table')
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('no table'))],
  ])('has the error of an ingestor that %s', async (_, work) => {
    const [span] = await worked(work)
    expect(span).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'no table' },
      attributes: { 'error.type': 'TypeError' },
      events: [{ name: 'exception' }],
    })
    expect(named('rxjs_atproto.process.duration')?.points[0]?.attributes).toMatchObject({
      'error.type': 'TypeError',
    })
  })

  it('is one span for each attempt', async () => {
    const { around, end } = sdk()
    let attempts = 0
    const work = () => {
      attempts += 1
      if (attempts < 3) throw new Error('not yet')
    }
    const backoff = { initialDelayMs: 1, jitter: 'none' } as const
    await lastValueFrom(of(post).pipe(ingest({ '*': work }, { around, backoff }), toArray()))
    await end()
    expect(received.spans.map(({ status }) => status.code)).toEqual([2, 2, 0])
  })

  it('is active in the work, and its trace begins with it', async () => {
    const { around, tracer, end } = sdk()
    const query = () => tracer.startSpan('query').end()
    const work = async () => {
      query()
      await Promise.resolve()
      query()
    }
    const whole = tracer.startSpan('the whole program')
    await context.with(trace.setSpan(context.active(), whole), () =>
      lastValueFrom(of(post).pipe(ingest({ '*': work }, { around }), toArray())),
    )
    await end()
    const [process] = received.spans.filter(({ name }) => name.startsWith('process'))
    const queries = received.spans.filter(({ name }) => name === 'query')
    expect(queries.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(2).fill(process?.spanId))
    expect(process?.parentSpanId).toBeUndefined()
    expect(process?.traceId).not.toBe(whole.spanContext().traceId)
  })

  it('ends as given up where the work is cut short', async () => {
    const { around, end } = sdk()
    const events$ = new Subject<typeof post>()
    const subscription = events$.pipe(ingest({ '*': () => NEVER }, { around })).subscribe()
    events$.next(post)
    subscription.unsubscribe()
    await end()
    expect(received.spans).toMatchObject([{ status: { message: 'the work was given up' } }])
  })
})
