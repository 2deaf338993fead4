import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { WebSocketServer } from 'ws'
import type { JetstreamEvent } from '../../../../src/index.js'
import { fileAnswer } from '../../../../src/testing/archive/ranges.js'
import { bytesOf, linesOf, present } from '../../../helpers/recordings.js'
import { eventsOfFrames } from './read-segment.js'

/** A request of a real server, and its answer. */
export interface Exchange {
  readonly state: 'a' | 'b'
  readonly note: string
  readonly request: {
    readonly method?: string
    readonly path: string
    readonly body?: string
    readonly headers?: Readonly<Record<string, string>>
  }
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly json?: { readonly sealedTipSeq: number; readonly message?: string }
  readonly text?: string
  readonly bytes?: number
  readonly sha256?: string
}

export const EXCHANGES = 'archive/small/exchanges.ndjson'
const PLAN = 'planSnapshot'

export const exchanges: readonly Exchange[] = present(EXCHANGES)
  .flatMap(linesOf)
  .map((line) => JSON.parse(line) as Exchange)

/** `planSnapshot`, and so on. */
export const methodOf = ({ request }: Pick<Exchange, 'request'>): string =>
  /jetstream\.(\w+)/.exec(request.path)?.[1] ?? ''

export const plans = exchanges.filter((one) => methodOf(one) === PLAN && one.status === 200)

/** The members of a plan's request; those that limit nothing are as if they were not there. */
export function askedBy(body = '{}'): Readonly<Record<string, unknown>> {
  const members = Object.entries(JSON.parse(body || '{}') as Record<string, unknown>)
  return Object.fromEntries(
    members
      .filter(([name, value]) => value !== null && !(name === 'afterSeq' && value === 0))
      .filter(([, value]) => !Array.isArray(value) || value.length > 0)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  )
}

/** Which pages a plan was recorded in; `undefined` for whole ones. */
export const pagesOf = ({ note }: Exchange): string | undefined =>
  /^pages of at most \d+/.exec(note)?.[0]

/** How a recorded socket answers the handshakes with one cursor. */
export type SocketAnswer =
  | { readonly frames: readonly string[] }
  | { readonly status: number; readonly json: object }

export interface RecordedServerOptions {
  readonly state: 'a' | 'b'
  /** Takes the plans that were recorded in pages of this size. */
  readonly pages?: string | undefined
  /** The folders in which the files of segments are, the first one that has it. */
  readonly files?: readonly string[]
  /** Plans that win over those of the list of exchanges, by their requests. */
  readonly morePlans?: readonly (readonly [asked: string, plan: object])[]
  /** By the cursor that is asked for. */
  readonly socket?: Readonly<Record<string, SocketAnswer>>
  /** Answers instead of the files and plans, by method. */
  readonly instead?: Readonly<Record<string, Exchange>>
}

/** Answers as the recorded server did. */
export async function recordedServer(options: RecordedServerOptions) {
  const { state, pages, files = [state], morePlans = [], socket = {}, instead = {} } = options
  const recorded = plans.filter((one) => one.state === state && pagesOf(one) === pages)
  const known = new Map<string, object | undefined>([
    ...recorded.map(({ request, json }) => [JSON.stringify(askedBy(request.body)), json] as const),
    ...morePlans,
  ])
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const method = methodOf({ request: { path: url.pathname } })
    const other = instead[method]
    if (other !== undefined) answerWith(other, response)
    else if (method === PLAN) {
      const plan = known.get(JSON.stringify(askedBy(Buffer.concat(chunks).toString())))
      response.writeHead(plan === undefined ? 400 : 200).end(JSON.stringify(plan))
    } else {
      const { status, headers, body } = partOf(files, url.searchParams, request.headers)
      response.writeHead(status, headers).end(body)
    }
  })
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: ([first = '']) => first })
  const cursors: (readonly [cursor: string | null, status: number])[] = []
  server.on('upgrade', (request, tcp, head) => {
    const cursor = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams.get('cursor')
    const answer = socket[cursor ?? '']
    if (answer === undefined || 'status' in answer) {
      const { status = 400, json = {} } = answer ?? {}
      cursors.push([cursor, status])
      const body = JSON.stringify(json)
      tcp.end(
        `HTTP/1.1 ${status} Bad Request\r\ncontent-type: application/json\r\n` +
          `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      )
      return
    }
    cursors.push([cursor, 101])
    sockets.handleUpgrade(request, tcp, head, (open) => {
      for (const frame of answer.frames) open.send(frame)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    host: `http://127.0.0.1:${port}`,
    /** The handshakes, as they were asked and answered. */
    cursors,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        for (const client of sockets.clients) client.terminate()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answerWith({ status, headers, json, text }: Exchange, response: ServerResponse): void {
  const { 'content-length': _, 'transfer-encoding': __, ...sent } = headers
  response.writeHead(status, sent).end(text ?? (json === undefined ? '' : JSON.stringify(json)))
}

/** A segment or a block of it, whole or in part. */
export function partOf(
  files: readonly string[],
  params: URLSearchParams,
  headers: Parameters<typeof fileAnswer>[2],
) {
  const name = params.get('name') ?? params.get('segment') ?? ''
  const file = firstOf(files.map((folder) => `archive/small/${folder}/${name}`))
  const checksum = file.readBigUInt64LE(4).toString(16).padStart(16, '0')
  const index = params.get('blockIndex')
  return index === null
    ? fileAnswer(file, `"${checksum}"`, headers)
    : fileAnswer(blockOf(file, Number(index)), `"${checksum}:${index}"`, headers)
}

function firstOf([path = '', ...others]: readonly string[]): Buffer {
  try {
    return bytesOf(path)
  } catch (error) {
    if (others.length === 0) throw error
    return firstOf(others)
  }
}

function blockOf(file: Buffer, index: number): Buffer {
  let at = 256
  for (let block = 0; block < index; block += 1) at += 8 + Number(file.readBigUInt64LE(at))
  return file.subarray(at + 8, at + 8 + Number(file.readBigUInt64LE(at)))
}

const framesOfStates = new Map<string, readonly JetstreamEvent[]>()

/** What the socket of a state sends from its beginning on. */
export function framesOf(state: string): readonly JetstreamEvent[] {
  const known = framesOfStates.get(state)
  if (known !== undefined) return known
  const text = gunzipSync(bytesOf(`archive/small/expected-${state}.ndjson.gz`)).toString()
  const events = eventsOfFrames(text.split('\n').filter(Boolean))
  framesOfStates.set(state, events)
  return events
}

/** Equal but for records that hold a float, which the socket never sends. */
export function expectSame(
  events: readonly JetstreamEvent[],
  frames: readonly JetstreamEvent[],
): void {
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
