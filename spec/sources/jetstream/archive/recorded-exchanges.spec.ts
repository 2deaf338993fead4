import { createHash } from 'node:crypto'
import { lastValueFrom, toArray } from 'rxjs'
import { type ArchiveConfig, archive$ } from '../../../../src/index.js'
import {
  fetchBlock,
  fetchRange,
  Rewritten,
} from '../../../../src/sources/jetstream/archive/fetch-bytes.js'
import { Lifetime } from '../../../../src/sources/jetstream/archive/lifetime.js'
import { listSegments, Plan } from '../../../../src/sources/jetstream/archive/plan.js'
import { readList } from '../../../../src/sources/jetstream/archive/plan-json.js'
import { Requests } from '../../../../src/sources/jetstream/archive/requests.js'
import { describeWith, jsonOf } from '../../../helpers/recordings.js'
import {
  askedBy,
  EXCHANGES,
  type Exchange,
  exchanges,
  methodOf,
  pagesOf,
  partOf,
  plans,
  recordedServer,
} from './recorded-server.js'

const AT_ONCE = { initialDelayMs: 1, maxDelayMs: 1 }

const requestsOf = (host: string): Requests =>
  new Requests(
    {
      host,
      apiKey: undefined,
      headers: {},
      agent: undefined,
      idleTimeoutMs: 30_000,
      reconnect: { ...AT_ONCE, maxAttempts: 3 },
    },
    new Lifetime(),
    () => {},
  )

const named = (list: readonly Exchange[]) =>
  list.map((one) => [`${one.state}, ${methodOf(one)}: ${one.note}`, one] as const)

const of = (...methods: string[]) => exchanges.filter((one) => methods.includes(methodOf(one)))
const paramsOf = ({ request }: Exchange): URLSearchParams =>
  new URL(request.path, 'http://127.0.0.1').searchParams
const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex')

// What the fake server does not do, and nobody asks it for: several ranges at once.
const downloads = of('getSegment', 'getBlock').filter(
  ({ status, note }) => [200, 206, 304, 412, 416].includes(status) && !note.includes('two ranges'),
)
const MEANT = ['etag', 'content-range', 'accept-ranges', 'cache-control', 'content-type']

describeWith([EXCHANGES], 'the recorded downloads', () => {
  it.each(named(downloads))('are answered alike by the fake server: %s', (_, exchange) => {
    const { state, request, status, headers, text } = exchange
    const answer = partOf([state], paramsOf(exchange), request.headers ?? {})
    expect(answer.status).toBe(status)
    const meant = Object.entries(headers).filter(([name]) => MEANT.includes(name))
    expect(answer.headers).toEqual(Object.fromEntries(meant))
    if (exchange.sha256 !== undefined) expect(sha256(answer.body)).toBe(exchange.sha256)
    else expect(answer.body).toBe(text ?? '')
  })

  const ranges = downloads.filter(
    (one) =>
      methodOf(one) === 'getSegment' && /^bytes=\d+-\d+$/.test(one.request.headers?.range ?? ''),
  )
  it.each(named(ranges))(
    'of a range are read, or known to be of another file: %s',
    async (_, one) => {
      await using server = await recordedServer({ state: one.state })
      const [, from = '', last = ''] = /(\d+)-(\d+)/.exec(one.request.headers?.range ?? '') ?? []
      const etag = (one.request.headers?.['if-range'] ?? one.headers.etag ?? '').replaceAll('"', '')
      const name = paramsOf(one).get('name') ?? ''
      const range = { name, etag, from: Number(from), to: Number(last) + 1 }
      const fetched = fetchRange(requestsOf(server.host), range)
      if (one.headers.etag !== `"${etag}"`) await expect(fetched).rejects.toBeInstanceOf(Rewritten)
      else {
        const bytes = Buffer.concat(await fetched)
        expect(sha256(bytes)).toBe(
          sha256(partOf([one.state], paramsOf(one), { range: one.request.headers?.range }).body),
        )
      }
    },
  )

  const blocks = downloads.filter(
    (one) => methodOf(one) === 'getBlock' && one.status === 200 && !one.request.headers,
  )
  it.each(named(blocks))('of a block are read: %s', async (_, one) => {
    await using server = await recordedServer({ state: one.state })
    const params = paramsOf(one)
    const index = Number(params.get('blockIndex'))
    const frame = await fetchBlock(requestsOf(server.host), params.get('segment') ?? '', index)
    expect(sha256(frame)).toBe(one.sha256)
  })
})

const bounded = plans.filter(({ request }) => 'beforeSeq' in askedBy(request.body))
const LIST = 'archive/empty-segment/listSegments.json'

describeWith([EXCHANGES, LIST], 'the recorded plans and lists', () => {
  it.each(named(bounded))('are pages up to a position: %s', async (_, one) => {
    await using server = await recordedServer({ state: one.state, pages: pagesOf(one) })
    const { afterSeq = 0, beforeSeq, ...filters } = askedBy(one.request.body)
    const plan = new Plan(requestsOf(server.host), filters, Number(afterSeq))
    plan.tip = Number(beforeSeq)
    const page = await plan.next()
    const { plannedThroughSeq, segments } = one.json as unknown as RecordedPlan
    if (plannedThroughSeq <= Number(afterSeq)) expect(page).toBeUndefined()
    else {
      expect(page?.through).toBe(plannedThroughSeq)
      expect(page?.segments.map(({ name, blocks }) => [name, blocks])).toEqual(
        segments.map(({ name, blocks }) => [name, blocks?.flatMap(indicesOf)]),
      )
    }
  })

  const lists = of('listSegments').filter(({ status }) => status === 200)
  it.each(named(lists))('are read: %s', (_, { json }) => {
    const { segments, cursor } = readList(json)
    const { segments: recorded, cursor: next } = json as unknown as RecordedPlan
    expect(segments.map(({ name }) => name)).toEqual(recorded.map(({ name }) => name))
    expect(cursor).toBe(next)
  })

  it('leave out a segment without a row', async () => {
    const json = jsonOf<Exchange['json'] & object>(LIST)
    const exchange = { ...(exchanges[0] as Exchange), status: 200, json, headers: {} }
    await using server = await recordedServer({ state: 'a', instead: { listSegments: exchange } })
    const names: string[] = []
    for await (const { name } of listSegments(requestsOf(server.host))) names.push(name)
    expect(names).toEqual(['seg_0000000000.jss', 'seg_0000000002.jss'])
  })
})

interface RecordedPlan {
  readonly plannedThroughSeq: number
  readonly cursor?: string
  readonly segments: readonly {
    readonly name: string
    readonly blocks?: readonly { readonly first: number; readonly last: number }[]
  }[]
}

const indicesOf = ({ first, last }: { first: number; last: number }): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at)

// By what the reader does about them. HEAD and OPTIONS are never sent.
const refusals = exchanges.filter(
  ({ status, request, ...one }) =>
    status >= 400 &&
    status !== 412 &&
    status !== 416 &&
    !['HEAD', 'OPTIONS'].includes(request.method ?? 'GET') &&
    methodOf({ request, ...one } as Exchange) !== 'importTimestamps',
)

/** The config whose first request of its kind is of this method. */
const askingFor: Readonly<Record<string, Partial<ArchiveConfig>>> = {
  planSnapshot: {},
  getSegment: {},
  getSegments: {},
  listSegments: { cursor: new Date('2026-11-30T14:45:20Z') },
  getBlock: { dids: ['did:plc:zgstoit2772fgen2mhexgpzn'] },
}

describeWith([EXCHANGES], 'the recorded refusals', () => {
  it.each(named(refusals))('end the stream by their kind: %s', async (_, one) => {
    const method = methodOf(one)
    const instead = { [method === 'getSegments' ? 'planSnapshot' : method]: one }
    await using server = await recordedServer({ state: one.state, instead })
    const config = { host: server.host, log: false as const, reconnect: AT_ONCE }
    const read = lastValueFrom(archive$({ ...config, ...askingFor[method] }).pipe(toArray()))
    const code = codeOf(method, one.status)
    await expect(read).rejects.toMatchObject({ code })
    if (code === 'REFUSED') await expect(read).rejects.toThrow(one.json?.message)
  })
})

const BOOTSTRAP = 'archive/small/bootstrap.json'

describeWith([BOOTSTRAP], 'a server that starts', () => {
  it('is waited for', async () => {
    const [{ status = 0, body = {} } = {}] =
      jsonOf<readonly { readonly status?: number; readonly body?: object }[]>(BOOTSTRAP)
    const one = { status, json: body, headers: {} } as Exchange
    await using server = await recordedServer({ state: 'a', instead: { planSnapshot: one } })
    const reconnect = { ...AT_ONCE, maxAttempts: 2 }
    const read = lastValueFrom(archive$({ host: server.host, log: false, reconnect }))
    await expect(read).rejects.toMatchObject({
      code: 'RECONNECT_EXHAUSTED',
      cause: { status: 503, error: 'ServiceUnavailable' },
    })
  })
})

function codeOf(method: string, status: number): string {
  if (status === 404) return 'CURSOR_LOOP'
  return status > 404 && method.startsWith('plan') ? 'WIRE' : status === 501 ? 'WIRE' : 'REFUSED'
}
