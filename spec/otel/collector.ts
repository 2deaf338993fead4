import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

/** Attributes as a record, from the list that OTLP has. */
export const recordOf = (attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

export interface ReceivedMetric {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly points: readonly {
    readonly value: number
    readonly attributes: Readonly<Record<string, unknown>>
  }[]
}

export interface ReceivedSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: { readonly code: number; readonly message?: string }
  readonly events: readonly { readonly name: string }[]
}

/** What a collector is to an exporter: an HTTP server that takes OTLP as JSON. */
export async function collector() {
  const metrics: ReceivedMetric[] = []
  const spans: ReceivedSpan[] = []
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await textOf(request))
    if (request.url === '/v1/metrics') metrics.push(...metricsIn(body))
    if (request.url === '/v1/traces') spans.push(...spansIn(body))
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${port}`, metrics, spans, close }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

interface Point {
  readonly attributes: readonly KeyValue[]
  readonly asInt?: string | number
  readonly asDouble?: number
  readonly count?: string | number
}

interface MetricsBody {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly (Readonly<Record<'name' | 'unit' | 'description', string>> &
        Partial<Record<'sum' | 'gauge' | 'histogram', { readonly dataPoints: readonly Point[] }>>)[]
    }[]
  }[]
}

/** A histogram's value is how many it has. */
const metricsIn = ({ resourceMetrics }: MetricsBody): readonly ReceivedMetric[] =>
  resourceMetrics
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    .map(({ name, unit, description, sum, gauge, histogram }) => ({
      name,
      unit,
      description,
      points: ((sum ?? gauge ?? histogram)?.dataPoints ?? []).map((point) => ({
        value: Number(point.asInt ?? point.asDouble ?? point.count),
        attributes: recordOf(point.attributes),
      })),
    }))

interface SpansBody {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<ReceivedSpan, 'attributes'> & {
        readonly attributes: readonly KeyValue[]
      })[]
    }[]
  }[]
}

const spansIn = ({ resourceSpans }: SpansBody): readonly ReceivedSpan[] =>
  resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map((span) => ({ ...span, attributes: recordOf(span.attributes) }))
