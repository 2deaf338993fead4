import type { IncomingMessage, ServerResponse } from 'node:http'
import type { WebSocket } from 'ws'
import { generateEvents } from '../generate/events.js'
import { type DictionaryFault, FaultPlan } from '../server/faults.js'
import { answerPlain, type HttpAnswer } from '../server/http-answer.js'
import {
  type ConnectionHandler,
  HttpListener,
  type UpgradeRequest,
  urlOf,
} from '../server/http-listener.js'
import { PlaybackServer } from '../server/playback-server.js'
import { PlayScript } from '../server/script.js'
import { onMessage } from './client-message.js'
import type { FakeJetstream, FakeJetstreamOptions } from './contract.js'
import { eventsStartOf, indexOfCursor } from './cursor.js'
import { JetstreamLog, type JetstreamRow, type LogItem, type LogRow } from './log.js'
import { Session, type SessionServer, type SessionStart } from './session.js'
import { SUBSCRIBE_EVENTS } from './translate.js'
import { NO_UPGRADE, notFound, readRequest } from './v1-request.js'
import {
  dictionaryAnswer,
  methodNotImplemented,
  readEventsRequest,
  xrpcError,
} from './v2-request.js'
import { WireFrames } from './wire-frames.js'
import { FrameCompressor, type ZstdDictionary, zstdWith } from './zstd.js'

/** Node's own limit is 16 KiB; the servers take a query of about 1 MB. */
const MAX_HEADER_BYTES = 1 << 20

/** The listener, the log and the connections of one fake server. */
export class JetstreamServer
  extends PlaybackServer<Session>
  implements FakeJetstream, ConnectionHandler, SessionServer
{
  readonly log: JetstreamLog
  readonly faults: FaultPlan
  readonly limits: SessionServer['limits']
  readonly writeTimeoutMs: number
  readonly forms = new WireFrames()
  readonly script: PlayScript<LogItem, JetstreamRow>
  readonly #server: 'legacy' | 'v2'
  protected readonly items = 'events'
  protected readonly listener = new HttpListener(this, {
    http: { maxHeaderSize: MAX_HEADER_BYTES },
    ws: { handleProtocols: subprotocolOf },
  })
  /** Wire v1 keeps its compressor; wire v2 has that of the current dictionary. */
  #v1Compressor: FrameCompressor | undefined
  #zstd: ZstdDictionary | undefined

  constructor(readonly options: FakeJetstreamOptions) {
    super()
    const {
      server = 'legacy',
      firstSeq = 24_000_000_000,
      retainEvents = Number.POSITIVE_INFINITY,
      retainMs = Number.POSITIVE_INFINITY,
    } = options
    this.#server = server
    this.log = new JetstreamLog({ server, firstSeq, retainEvents, retainMs })
    this.faults = new FaultPlan(options.faults ?? [])
    this.limits = limitsOf(options)
    this.writeTimeoutMs = options.writeTimeoutMs ?? (server === 'v2' ? 5_000 : 10_000)
    this.script = scriptOf(options, this.log)
    this.script.take(options.stored === 'all' ? Number.POSITIVE_INFINITY : (options.stored ?? 0))
  }

  get url(): string {
    return `ws://${this.host}/subscribe`
  }

  get ratePerSecond(): number | undefined {
    return this.options.ratePerSecond
  }

  override get isPaced(): boolean {
    return this.#speed !== Number.POSITIVE_INFINITY || super.isPaced
  }

  override isDue(played: number, elapsedMs: number): boolean {
    const { recording } = this.options
    // At the end the next one, which is none, ends the script.
    return recording === undefined
      ? super.isDue(played, elapsedMs)
      : (recording.nextMs ?? 0) <= elapsedMs * this.#speed
  }

  get #speed(): number {
    const { recording, speed = Number.POSITIVE_INFINITY } = this.options
    return recording === undefined ? Number.POSITIVE_INFINITY : speed
  }

  async listen(port: number): Promise<void> {
    const { compress, dictionary } = this.options
    if (dictionary !== undefined) this.#zstd = await zstdWith(dictionary, compress)
    this.#v1Compressor = this.#zstd?.compressor ?? (compress && new FrameCompressor(compress))
    await this.listener.listen(port)
  }

  emit(...events: readonly LogItem[]): void {
    for (const event of events) this.log.push(this.log.encode(event))
    this.onGrowth()
  }

  restart({ lose = 0, again }: { readonly lose?: number; readonly again?: 'all' } = {}): void {
    const clean = this.#server === 'v2' && lose === 0
    for (const session of this.list.open)
      session.end(clean ? 1001 : undefined, 'server shutting down')
    const lost = this.log.lose(lose)
    if (again === 'all') this.log.pushAgain(lost)
    this.changes.notify()
  }

  compact(isRemoved: (row: LogRow) => boolean): number {
    return this.log.remove(isRemoved)
  }

  async rotateDictionary(dictionary: Uint8Array): Promise<void> {
    this.#zstd = await zstdWith(dictionary)
  }

  /** The first reader at the tail calls for more; the others may fall behind. */
  room(): number {
    return Number.POSITIVE_INFINITY
  }

  /** No reader waits for another. */
  onReaderLeft(): void {}

  onUpgrade(upgrade: UpgradeRequest): void {
    const fault = this.faults.onConnect(upgrade.attempt.attempt, this.sent)
    if (fault)
      this.listener.applyFault(fault, upgrade, (ws, { code, reason }) =>
        this.#addSession(upgrade, ws, neverServed(upgrade)).end(code, reason),
      )
    else this.#answer(upgrade)
    this.changes.notify()
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = urlOf(request.url)
    const { url = '/', headers } = request
    const record = { url, headers, status: 0 }
    this.requests.push(record)
    response.once('finish', () => {
      record.status = response.statusCode
      this.changes.notify()
    })
    if (this.#server === 'v2' && pathname === DICTIONARY_PATH) this.#dictionary(request, response)
    else answerPlain(response, this.#plainAnswer(request, pathname))
    this.changes.notify()
  }

  #answer(upgrade: UpgradeRequest): void {
    const url = urlOf(upgrade.request.url)
    const isV2 = this.#server === 'v2' && url.pathname.startsWith('/xrpc/')
    const start = isV2 ? this.#readV2(upgrade.request, url) : this.#readV1(upgrade.request)
    if ('status' in start) {
      this.listener.refuse(upgrade, start)
      return
    }
    const events = this.faults.standStill(upgrade.attempt.attempt, this.sent)
    if (events !== undefined)
      this.#standStill(upgrade, { ...start, position: this.log.oldest, mostEvents: events }, events)
    else this.listener.accept(upgrade, (ws) => this.#addSession(upgrade, ws, start).pump())
    this.playback.pace()
  }

  #standStill(upgrade: UpgradeRequest, start: SessionStart, events: number): void {
    this.listener.accept(upgrade, (ws) => {
      const session = this.#addSession(upgrade, ws, start)
      session.pump()
      void this.when(() => session.sent >= events || session.closed !== undefined).then(() =>
        session.socket.end(),
      )
    })
  }

  #readV1(request: IncomingMessage): SessionStart | HttpAnswer {
    const asked = readRequest(request, this.#server)
    if ('status' in asked) return asked
    const position =
      asked.cursor === undefined
        ? undefined
        : indexOfCursor(asked.cursor, this.log, this.options.unsealedEvents ?? 0)
    const compressor = asked.isCompressed ? this.#v1Compressor : undefined
    return {
      wire: 'v1',
      filter: asked.filter,
      position,
      compressor,
      waitsForUpdate: asked.requireHello,
    }
  }

  #readV2(request: IncomingMessage, url: URL): SessionStart | HttpAnswer {
    const asked = readEventsRequest(request, url, this.#zstd)
    if ('status' in asked) return asked
    const { unsealedEvents = 0, tellsFutureCursors: tellsFuture = false } = this.options
    const found =
      asked.cursor === undefined
        ? {}
        : eventsStartOf(asked.cursor, this.log, { unsealedEvents, tellsFuture })
    if (found.tooOld !== undefined) return xrpcError(400, 'CursorTooOld', found.tooOld)
    const compressor = asked.isCompressed ? this.#zstd?.compressor : undefined
    return {
      wire: 'v2',
      filter: asked.filter,
      position: found.position,
      greeting: found.greeting,
      compressor,
      waitsForUpdate: false,
    }
  }

  #plainAnswer({ method }: IncomingMessage, pathname: string): HttpAnswer {
    const isV2 = this.#server === 'v2'
    if (pathname === '/subscribe')
      return isV2 && method !== 'GET' ? NOT_ALLOWED : NO_UPGRADE[this.#server]
    if (!isV2 || !pathname.startsWith('/xrpc/')) return notFound(this.#server)
    return pathname === EVENTS_PATH && method === 'GET'
      ? NO_UPGRADE.v2
      : methodNotImplemented(pathname)
  }

  #dictionary(request: IncomingMessage, response: ServerResponse): void {
    const asked = this.requests.filter(({ url }) => url.startsWith(DICTIONARY_PATH)).length
    const fault = this.faults.onDictionary(asked, this.sent)
    if (fault) {
      spoil(response, fault)
      return
    }
    const { bytes, ...answer } = dictionaryAnswer(urlOf(request.url), request, this.#zstd)
    if (bytes === undefined) answerPlain(response, answer)
    else response.writeHead(answer.status, answer.headers).end(bytes)
  }

  #addSession({ attempt, socket }: UpgradeRequest, ws: WebSocket, start: SessionStart): Session {
    const session = new Session(attempt, ws, socket, start, this)
    ws.on('message', (data, isBinary) => this.#message(session, String(data), isBinary))
    ws.on('close', () => this.list.addEnded(session))
    this.list.add(session)
    return session
  }

  #message(session: Session, text: string, isBinary: boolean): void {
    session.messages.push(text)
    if (session.start.wire === 'v2') session.end(1008, 'unexpected data message')
    else if (!isBinary) onMessage(session, text)
    this.changes.notify()
  }
}

const NOTHING_ASKED = {
  prefixes: [],
  names: new Set<string>(),
  dids: new Set<string>(),
  maxMessageSizeBytes: 0,
  kinds: new Set<string>(),
}
const EVENTS_PATH = `/xrpc/${SUBSCRIBE_EVENTS}`
const DICTIONARY_PATH = '/xrpc/network.bsky.jetstream.getZstdDictionary'
const NOT_ALLOWED: HttpAnswer = {
  status: 405,
  body: 'Method Not Allowed\n',
  headers: { allow: 'GET, HEAD' },
}

/** For a connection that is accepted only to be dropped. */
const neverServed = ({ attempt }: UpgradeRequest): SessionStart => ({
  wire: urlOf(attempt.url).pathname.startsWith('/xrpc/') ? 'v2' : 'v1',
  filter: NOTHING_ASKED,
  position: undefined,
  waitsForUpdate: true,
})

/** Only wire v2 selects a subprotocol. */
const subprotocolOf = (offered: ReadonlySet<string>, request: IncomingMessage): string | false =>
  urlOf(request.url).pathname === EVENTS_PATH && offered.has('xrpc.v1.json') && 'xrpc.v1.json'

const FLOOD_BYTES = 1_000_000_000

function spoil(response: ServerResponse, fault: DictionaryFault): void {
  if (fault.do === 'refuse')
    answerPlain(response, {
      status: fault.status ?? 503,
      body: fault.body ?? '',
      headers: fault.headers ?? {},
    })
  if (fault.do === 'flood') flood(response)
}

function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(1 << 20, 'x')
  let left = FLOOD_BYTES
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.length
      if (!response.write(chunk)) return
    }
    response.end()
  }
  response.on('drain', more).writeHead(200, { 'content-type': 'application/octet-stream' })
  more()
}

function limitsOf({
  server,
  pingEveryMs = 30_000,
  outboxEvents,
}: FakeJetstreamOptions): SessionServer['limits'] {
  return {
    pingEveryMs,
    outboxEvents: outboxEvents ?? (server === 'v2' ? Number.POSITIVE_INFINITY : 50_000),
  }
}

function scriptOf(
  { events = 0, generate, server }: FakeJetstreamOptions,
  log: JetstreamLog,
): PlayScript<LogItem, JetstreamRow> {
  if (typeof events !== 'number')
    return new PlayScript(events, log, Array.isArray(events) ? 'ahead' : 'on demand')
  const grouped = server === 'v2' ? { operationsPerCommit: 3, sharedTime: true } : {}
  return new PlayScript<LogItem, JetstreamRow>(
    generateEvents({ ...grouped, ...generate, count: events }),
    log,
    'ahead',
  )
}
