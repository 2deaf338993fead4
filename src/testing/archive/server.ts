import type { IncomingMessage, ServerResponse } from 'node:http'
import type { JetstreamEvent } from '../../events.js'
import { generateEvents } from '../generate/events.js'
import type { LogItem, LogRow } from '../jetstream/log.js'
import { JetstreamServer } from '../jetstream/server.js'
import { xrpcError } from '../jetstream/v2-request.js'
import { answerPlain, type HttpAnswer } from '../server/http-answer.js'
import { urlOf } from '../server/http-listener.js'
import type { FakeArchive, FakeArchiveOptions } from './contract.js'
import { type ArchiveFault, ArchiveFaultPlan, type FiredArchiveFault } from './faults.js'
import { planAnswer } from './plan-answer.js'
import { type FileAnswer, fileAnswer } from './ranges.js'
import { RowWriter } from './row-of-event.js'
import { ArchiveStore } from './store.js'

const PREFIX = '/xrpc/network.bsky.jetstream.'
const METHODS = ['planSnapshot', 'listSegments', 'getSegment', 'getBlock']

type Answer = HttpAnswer | FileAnswer

/** The archive of a fake server, beside its socket. */
export class ArchiveServer extends JetstreamServer implements FakeArchive {
  readonly events: JetstreamEvent[] = []
  readonly #store: ArchiveStore
  readonly #plan: ArchiveFaultPlan
  readonly #rows = new RowWriter()
  #nextSeq: number

  constructor(private readonly archive: FakeArchiveOptions) {
    const { firstSeq = 1, retainEvents = Number.POSITIVE_INFINITY, socketFaults = [] } = archive
    super({ server: 'v2', firstSeq, retainEvents, faults: socketFaults })
    this.#nextSeq = firstSeq
    this.#store = new ArchiveStore(archive.rowsPerBlock ?? 16, archive.blocksPerSegment ?? 8)
    this.#plan = new ArchiveFaultPlan(archive.faults ?? [])
    const { events = 0, seed = 1 } = archive
    const all = typeof events === 'number' ? [...generateEvents({ count: events, seed })] : events
    const sealed = archive.sealed ?? all.length
    this.emit(...all.slice(0, sealed))
    this.seal()
    this.emit(...all.slice(sealed))
  }

  get sealedTip(): number {
    return this.#store.tip
  }

  get archiveFired(): readonly FiredArchiveFault[] {
    return this.#plan.fired
  }

  override emit(...events: readonly LogItem[]): void {
    const written = events.map((item) => {
      const event = typeof item === 'string' ? (JSON.parse(item) as JetstreamEvent) : item
      const { row, event: sent } = this.#rows.write(event, this.#nextSeq)
      this.#nextSeq += 1
      this.events.push(sent)
      this.#store.unsealed.push(row)
      return sent
    })
    super.emit(...written)
  }

  seal(): void {
    this.#store.seal()
  }

  override compact(isRemoved: (row: LogRow) => boolean): number {
    // Each row is asked for once, in order: the caller may count.
    const removed = new Set(this.#store.logRows.filter(isRemoved).map(({ seq }) => seq))
    super.compact(({ seq }) => removed.has(seq))
    return this.#store.compact(({ seq }) => removed.has(seq))
  }

  override async close(): Promise<void> {
    await super.close()
    const { missing } = this.#plan
    if (missing.length > 0)
      throw new Error(`faults of the archive that never happened:\n  ${missing.join('\n  ')}`)
  }

  override onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = urlOf(request.url)
    const method = pathname.startsWith(PREFIX) ? pathname.slice(PREFIX.length) : ''
    if (!METHODS.includes(method)) {
      super.onRequest(request, response)
      return
    }
    const record = { url: request.url ?? '/', headers: request.headers, status: 0 }
    this.requests.push(record)
    response.once('close', () => {
      record.status = response.headersSent ? response.statusCode : 0
      this.changes.notify()
    })
    void readAll(request).then((body) =>
      this.#answer(method, searchParams, body, request, response),
    )
  }

  #answer(
    method: string,
    params: URLSearchParams,
    body: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const fault = this.#plan.next(method)
    this.changes.notify()
    if (fault?.do === 'hang') return
    if (fault?.do === 'call') fault.run()
    const { apiKey } = this.archive
    const isKnown = apiKey === undefined || request.headers.authorization === `Bearer ${apiKey}`
    const answer = isKnown ? this.#answerOf(method, params, body, request) : UNAUTHORIZED
    send(response, answer, fault)
  }

  #answerOf(
    method: string,
    params: URLSearchParams,
    body: string,
    request: IncomingMessage,
  ): Answer {
    switch (method) {
      case 'planSnapshot':
        return this.#planSnapshot(request, body)
      case 'listSegments':
        return this.#listSegments(params)
      case 'getSegment': {
        const segment = this.#find(params.get('name'))
        if (segment === undefined) return SEGMENT_NOT_FOUND
        return fileAnswer(segment.file.bytes, `"${segment.file.checksum}"`, request.headers)
      }
      default: {
        const segment = this.#find(params.get('segment'))
        if (segment === undefined) return SEGMENT_NOT_FOUND
        const index = Number(params.get('blockIndex'))
        const frame = segment.file.frames[index]
        if (frame === undefined) return xrpcError(404, 'BlockNotFound', 'block not found')
        const bytes = segment.file.bytes.subarray(frame.from, frame.to)
        return fileAnswer(bytes, `"${segment.file.checksum}:${index}"`, request.headers)
      }
    }
  }

  #find(name: string | null) {
    return this.#store.segments.find((segment) => segment.name === name)
  }

  #planSnapshot({ method }: IncomingMessage, body: string): Answer {
    if (method !== 'POST') return xrpcError(405, 'InvalidRequest', 'method not allowed')
    try {
      const { planMaxEntries = 100_000 } = this.archive
      return json(planAnswer(this.#store, JSON.parse(body), planMaxEntries))
    } catch (error) {
      const message = error instanceof SyntaxError ? 'invalid request body' : String(error)
      return xrpcError(400, 'InvalidRequest', message)
    }
  }

  #listSegments(params: URLSearchParams): Answer {
    const limit = Math.min(1000, Number(params.get('limit') ?? 100))
    const from = Number(params.get('cursor') ?? 0)
    const page = this.#store.segments.slice(from, from + limit)
    return json({
      ...(from + limit < this.#store.segments.length ? { cursor: String(from + limit) } : {}),
      segments: page.map(({ file, blocks, ranges: _, ...segment }) => ({
        ...segment,
        checksum: file.checksum,
        eventCount: blocks.flat().length,
        sizeBytes: file.bytes.length,
      })),
    })
  }
}

const json = (value: object): HttpAnswer => ({
  status: 200,
  body: JSON.stringify(value),
  headers: { 'content-type': 'application/json' },
})

const UNAUTHORIZED: HttpAnswer = { status: 401, body: '{"error":"invalid bearer credential"}' }
const SEGMENT_NOT_FOUND = xrpcError(404, 'SegmentNotFound', 'segment not found')

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, answer: Answer, fault: ArchiveFault | undefined): void {
  if (fault?.do === 'refuse') {
    const { status = 503, body = '', headers = {} } = fault
    answerPlain(response, { status, body, headers })
    return
  }
  const body = Uint8Array.from(Buffer.from(answer.body))
  if (fault?.do === 'flip' && fault.at < body.length) body[fault.at] = (body[fault.at] ?? 0) ^ 1
  const etag = fault?.do === 'etag' ? { etag: fault.etag } : {}
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(fault?.do === 'end' ? {} : { 'content-length': String(body.length) }),
    ...etag,
  })
  if (fault?.do === 'end') {
    response.end(body.subarray(0, fault.afterBytes))
    return
  }
  if (fault?.do !== 'cut' && fault?.do !== 'stall') {
    response.end(body)
    return
  }
  response.write(body.subarray(0, fault.afterBytes), () => {
    if (fault.do === 'cut') response.destroy()
  })
}
