import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { lastValueFrom, toArray } from 'rxjs'
import { matcher } from '../../../../src/atproto/filters.js'
import {
  type ArchiveConfig,
  archive$,
  type Gap,
  type JetstreamEvent,
} from '../../../../src/index.js'
import { fileAnswer } from '../../../../src/testing/archive/ranges.js'
import { bytesOf, describeWith, linesOf, present } from '../../../helpers/recordings.js'
import { eventsOfFrames } from './read-segment.js'

interface Exchange {
  readonly state: 'a' | 'b'
  readonly note: string
  readonly request: { readonly path: string; readonly body?: string }
  readonly status: number
  readonly json?: { readonly sealedTipSeq: number }
}

const EXCHANGES = 'archive/small/exchanges.ndjson'
const PLAN = 'planSnapshot'

const plans = present(EXCHANGES)
  .flatMap(linesOf)
  .map((line) => JSON.parse(line) as Exchange)
  .filter(({ request, status }) => request.path.endsWith(PLAN) && status === 200)

/** The members of a plan's request; those that limit nothing are as if they were not there. */
function askedBy(body = '{}'): Readonly<Record<string, unknown>> {
  const members = Object.entries(JSON.parse(body || '{}') as Record<string, unknown>)
  return Object.fromEntries(
    members
      .filter(([name, value]) => value !== null && !(name === 'afterSeq' && value === 0))
      .filter(([, value]) => !Array.isArray(value) || value.length > 0)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  )
}

/** Answers plans as they were recorded, with pages of one size, and serves the files of `state`. */
async function replay(state: string, pages: string | undefined, files = state) {
  const known = new Map(
    plans
      .filter((one) => one.state === state && pagesOf(one) === pages)
      .map(({ request, json }) => [JSON.stringify(askedBy(request.body)), json]),
  )
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (pathname.endsWith(PLAN)) {
      const plan = known.get(JSON.stringify(askedBy(Buffer.concat(chunks).toString())))
      response.writeHead(plan === undefined ? 400 : 200).end(JSON.stringify(plan))
      return
    }
    const name = searchParams.get('name') ?? searchParams.get('segment')
    const file = bytesOf(`archive/small/${files}/${name}`)
    const checksum = file.readBigUInt64LE(4).toString(16).padStart(16, '0')
    const index = searchParams.get('blockIndex')
    const answer =
      index === null
        ? fileAnswer(file, `"${checksum}"`, request.headers)
        : fileAnswer(blockOf(file, Number(index)), `"${checksum}:${index}"`, request.headers)
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    host: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

const pagesOf = ({ note }: Exchange): string | undefined => /^pages of at most \d+/.exec(note)?.[0]

function blockOf(file: Buffer, index: number): Buffer {
  let at = 256
  for (let block = 0; block < index; block += 1) at += 8 + Number(file.readBigUInt64LE(at))
  return file.subarray(at + 8, at + 8 + Number(file.readBigUInt64LE(at)))
}

const framesOf = (state: string): readonly JetstreamEvent[] =>
  eventsOfFrames(
    gunzipSync(bytesOf(`archive/small/expected-${state}.ndjson.gz`))
      .toString()
      .split('\n')
      .filter(Boolean),
  )

async function read(host: string, config: Partial<ArchiveConfig>) {
  const gaps: Gap[] = []
  const options = { host, log: false as const, gaps: { next: (gap: Gap) => gaps.push(gap) } }
  const events = await lastValueFrom(archive$({ ...options, ...config }).pipe(toArray()))
  expect(gaps).toEqual([])
  return events
}

/** Equal but for records that hold a float, which the socket never sends. */
function expectSame(events: readonly JetstreamEvent[], frames: readonly JetstreamEvent[]): void {
  const sent = new Set(frames.map(({ cursor }) => cursor))
  const same = events.filter(
    (event) =>
      sent.has(event.cursor) ||
      event.kind !== 'commit' ||
      event.commit.collection !== 'com.example.rich.float',
  )
  expect(same.map(({ cursor }) => cursor)).toEqual(frames.map(({ cursor }) => cursor))
  expect(same.map((event) => JSON.stringify(event))).toEqual(
    frames.map((event) => JSON.stringify(event)),
  )
}

describeWith([EXCHANGES, 'archive/small/expected-a.ndjson.gz'], 'the recorded archive', () => {
  const first = plans.filter(
    ({ request, note }) =>
      !('afterSeq' in askedBy(request.body)) &&
      !('beforeSeq' in askedBy(request.body)) &&
      !('limit' in askedBy(request.body)) &&
      !note.includes('…') &&
      !request.body?.includes('…'),
  )
  const cases = new Map(
    first.map((one) => [`${one.state}, ${pagesOf(one) ?? 'whole'}: ${one.request.body}`, one]),
  )

  it('has plans of many filters, in two states and in pages', () => {
    expect(cases.size).toBeGreaterThan(30)
  })

  it.each([...cases])('is read as the socket sends it: %s', async (_, exchange) => {
    const { state, request, json } = exchange
    await using server = await replay(state, pagesOf(exchange))
    const filters = askedBy(request.body) as Pick<ArchiveConfig, 'collections' | 'dids' | 'kinds'>
    const wants = matcher(filters)
    const tip = json?.sealedTipSeq ?? 0
    const wanted = framesOf(state).filter((event) => (event.cursor ?? 0) <= tip && wants(event))
    expectSame(await read(server.host, filters), wanted)
  })

  it('is read where every segment was rewritten after the plan', async () => {
    await using server = await replay('a', undefined, 'b')
    const left = framesOf('b').filter(({ cursor = 0 }) => cursor <= 8158)
    expectSame(await read(server.host, {}), left)
  })
})
