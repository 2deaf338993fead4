import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { ReplaySubject } from 'rxjs'
import { WebSocketServer } from 'ws'
import { Changes } from './changes.js'
import { onMessage } from './client-message.js'
import type { FakeAttempt, FakeConnection, FakeRequest } from './fake-connection.js'
import type { FakeJetstream, FakeJetstreamOptions } from './fake-jetstream.js'
import { type ConnectFault, type DictionaryFault, FaultPlan, type FiredFault } from './faults.js'
import { generateEvents } from './generate-events.js'
import { eventsPlaceOf, placeOf } from './jetstream-cursor.js'
import { Forms } from './jetstream-forms.js'
import { JetstreamLog, type LogItem } from './jetstream-log.js'
import { JetstreamScript } from './jetstream-script.js'
import { Session, type Shared, type Start } from './jetstream-session.js'
import { SUBSCRIBE_EVENTS } from './jetstream-translate.js'
import { dictionaryAnswer, methodNotImplemented, readEventsRequest, xrpcError } from './jetstream-xrpc.js'
import { Packer, type Zstd, zstdWith } from './jetstream-zstd.js'
import { answerPlain, NO_UPGRADE, notFound, type Refused, readRequest, refuse } from './subscribe-request.js'

/** One attempt and what it needs to be answered. */
interface Knock {
  readonly attempt: FakeAttempt & { status: number }
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

const SCRIPT_BATCH = 512
const PACE_MS = 5
/** Node's own limit is 16 KiB; the servers take a query of about 1 MB. */
const MAX_HEADER_BYTES = 1 << 20

/** The listener, the log and the connections of one fake server. */
export class JetstreamServer implements FakeJetstream, Shared {
  readonly attempts: FakeAttempt[] = []
  readonly connections: Session[] = []
  readonly connections$ = new ReplaySubject<FakeConnection>()
  sent = 0
  readonly log: JetstreamLog
  readonly faults: FaultPlan
  readonly changes = new Changes()
  readonly limits: Shared['limits']
  readonly forms = new Forms()
  readonly requests: FakeRequest[] = []
  readonly #script: JetstreamScript
  readonly #server: 'legacy' | 'v2'
  readonly #http: Server = createServer({ maxHeaderSize: MAX_HEADER_BYTES })
  readonly #wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols: subprotocolOf })
  readonly #sockets = new Set<Socket>()
  readonly #ended: Session[] = []
  /** What wire v1 is compressed with, for ever; and wire v2, for now. */
  #v1Packer: Packer | undefined
  #zstd: Zstd | undefined
  #pacing: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(readonly options: FakeJetstreamOptions) {
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
    this.#script = scriptOf(options, this.log)
    this.#script.take(options.stored === 'all' ? Number.POSITIVE_INFINITY : (options.stored ?? 0))
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get url(): string {
    return `ws://${this.host}/subscribe`
  }

  get fired(): readonly FiredFault[] {
    return this.faults.fired
  }

  async listen(port: number): Promise<void> {
    const { compress, dictionary } = this.options
    if (dictionary !== undefined) this.#zstd = await zstdWith(dictionary, compress)
    this.#v1Packer = this.#zstd?.packer ?? (compress && new Packer(compress))
    this.#http.on('connection', (socket) => this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))))
    this.#http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head))
    this.#http.on('request', (request, response) => this.#plain(request, response))
    await new Promise<void>((resolve, reject) => this.#http.once('error', reject).listen(port, '127.0.0.1', resolve))
  }

  emit(...events: readonly LogItem[]): void {
    for (const event of events) this.log.push(this.log.encode(event))
    this.#grown()
  }

  async connected(n = 1): Promise<FakeConnection> {
    await this.when(() => this.connections.length >= n)
    return this.connections[n - 1] as FakeConnection
  }

  async closed(n = 1): Promise<FakeConnection> {
    await this.when(() => this.#ended.length >= n)
    return this.#ended[n - 1] as FakeConnection
  }

  idle(): Promise<void> {
    return this.when(() => this.#script.done && this.connections.every((session) => session.idle))
  }

  when(holds: () => boolean): Promise<void> {
    return this.changes.when(holds)
  }

  restart({ lose = 0 }: { readonly lose?: number } = {}): void {
    const clean = this.#server === 'v2' && lose === 0
    for (const session of this.#open) session.end(clean ? 1001 : undefined, 'server shutting down')
    this.log.lose(lose)
  }

  async rotateDictionary(dictionary: Uint8Array): Promise<void> {
    this.#zstd = await zstdWith(dictionary)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Without a rate, whoever is at the tail first calls for more; never past a fault, so that what follows it is still to come. */
  pull(): boolean {
    if (this.options.ratePerSecond !== undefined || this.#script.take(Math.min(SCRIPT_BATCH, this.faults.room(this.sent))) === 0)
      return false
    setImmediate(() => this.#grown())
    return true
  }

  ended(session: Session): void {
    this.#ended.push(session)
    this.changes.changed()
  }

  get #open(): readonly Session[] {
    return this.connections.filter((session) => session.closed === undefined)
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => undefined)
    const knock: Knock = { attempt: this.#attempted(request), request, socket, head }
    const fault = this.faults.onConnect(knock.attempt.attempt, this.sent)
    if (fault) this.#meet(fault, knock)
    else this.#answer(knock)
    this.changes.changed()
  }

  #answer(knock: Knock): void {
    const url = urlOf(knock.request)
    const isV2 = this.#server === 'v2' && url.pathname.startsWith('/xrpc/')
    const start = isV2 ? this.#readV2(knock.request, url) : this.#readV1(knock.request)
    if ('status' in start) {
      this.#refuse(knock, start)
      return
    }
    this.#accept(knock, start)?.pump()
    this.#pace()
  }

  #readV1(request: IncomingMessage): Start | Refused {
    const asked = readRequest(request, this.#server)
    if ('status' in asked) return asked
    const place = asked.cursor === undefined ? undefined : placeOf(asked.cursor, this.log, this.options.unsealedEvents ?? 0)
    const packer = asked.compressed ? this.#v1Packer : undefined
    return { wire: 'v1', filter: asked.filter, place, packer, waitsForHello: asked.requireHello }
  }

  #readV2(request: IncomingMessage, url: URL): Start | Refused {
    const asked = readEventsRequest(request, url, this.#zstd)
    if ('status' in asked) return asked
    const { unsealedEvents = 0, tellsFutureCursors: tellsFuture = false } = this.options
    const found = asked.cursor === undefined ? {} : eventsPlaceOf(asked.cursor, this.log, { unsealedEvents, tellsFuture })
    if (found.tooOld !== undefined) return xrpcError(400, 'CursorTooOld', found.tooOld)
    const packer = asked.compressed ? this.#zstd?.packer : undefined
    return { wire: 'v2', filter: asked.filter, place: found.place, greeting: found.greeting, packer, waitsForHello: false }
  }

  #plain(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = urlOf(request)
    const { url = '/', headers } = request
    const entry = { url, headers, status: 0 }
    this.requests.push(entry)
    response.once('finish', () => {
      entry.status = response.statusCode
      this.changes.changed()
    })
    if (this.#server === 'v2' && pathname === DICTIONARY_PATH) this.#dictionary(request, response)
    else answerPlain(response, this.#plainAnswer(request, pathname))
    this.changes.changed()
  }

  #plainAnswer({ method }: IncomingMessage, pathname: string): Refused {
    const isV2 = this.#server === 'v2'
    if (pathname === '/subscribe') return isV2 && method !== 'GET' ? NOT_ALLOWED : NO_UPGRADE[this.#server]
    if (!isV2 || !pathname.startsWith('/xrpc/')) return notFound(this.#server)
    return pathname === EVENTS_PATH && method === 'GET' ? NO_UPGRADE.v2 : methodNotImplemented(pathname)
  }

  #dictionary(request: IncomingMessage, response: ServerResponse): void {
    const asked = this.requests.filter(({ url }) => url.startsWith(DICTIONARY_PATH)).length
    const fault = this.faults.onDictionary(asked, this.sent)
    if (fault) {
      spoil(response, fault)
      return
    }
    const { bytes, ...answer } = dictionaryAnswer(urlOf(request), request, this.#zstd)
    if (bytes === undefined) answerPlain(response, answer)
    else response.writeHead(answer.status, answer.headers).end(bytes)
  }

  #attempted(request: IncomingMessage): FakeAttempt & { status: number } {
    const params = new URL(request.url ?? '/', this.url).searchParams
    const attempt = this.attempts.length + 1
    const { url = '/', headers } = request
    const entry = { attempt, url, params, cursor: params.get('cursor') ?? undefined, headers, startedAt: performance.now(), status: 0 }
    this.attempts.push(entry)
    return entry
  }

  #refuse({ attempt, socket }: Knock, refused: Refused): void {
    attempt.status = refused.status
    refuse(socket, refused)
  }

  #meet(fault: ConnectFault, knock: Knock): void {
    if (fault.do === 'refuse') this.#refuse(knock, { status: fault.status ?? 503, body: fault.body ?? '', headers: fault.headers ?? {} })
    if (fault.do !== 'accept-and-drop') return
    const wire = urlOf(knock.request).pathname.startsWith('/xrpc/') ? 'v2' : 'v1'
    const start: Start = { wire, filter: NOTHING_ASKED, place: undefined, waitsForHello: true }
    this.#accept(knock, start)?.end(fault.code, fault.reason)
  }

  /** `undefined` where the handshake itself was not valid; that is answered already. */
  #accept({ attempt, request, socket, head }: Knock, start: Start): Session | undefined {
    let session: Session | undefined
    this.#wss.handleUpgrade(request, socket, head, (ws) => {
      attempt.status = 101
      session = this.#joined(new Session(attempt, ws, socket, start, this))
    })
    return session
  }

  #joined(session: Session): Session {
    this.connections.push(session)
    session.ws.on('message', (data, isBinary) => this.#message(session, String(data), isBinary))
    this.connections$.next(session)
    return session
  }

  #message(session: Session, text: string, isBinary: boolean): void {
    session.messages.push(text)
    if (session.start.wire === 'v2') session.end(1008, 'unexpected data message')
    else if (!isBinary) onMessage(session, text)
    this.changes.changed()
  }

  #pace(): void {
    const { ratePerSecond } = this.options
    if (ratePerSecond === undefined || this.#pacing) return
    const startedAt = performance.now()
    let played = 0
    this.#pacing = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * ratePerSecond) / 1000) - played
      played += this.#script.take(due)
      this.#grown()
      if (this.#script.done) clearInterval(this.#pacing)
    }, PACE_MS)
  }

  #grown(): void {
    for (const session of this.#open) session.pump()
    this.changes.changed()
  }

  async #close(): Promise<void> {
    clearInterval(this.#pacing)
    for (const session of this.#open) session.end()
    for (const socket of this.#sockets) socket.destroy()
    this.#wss.close()
    await new Promise((resolve) => this.#http.close(resolve))
    this.connections$.complete()
    const { missing } = this.faults
    if (missing.length > 0)
      throw new Error(
        `faults that never happened, after ${this.sent} events over ${this.connections.length} connections:\n  ${missing.join('\n  ')}`,
      )
  }
}

const NOTHING_ASKED = { prefixes: [], names: new Set<string>(), dids: new Set<string>(), maxMessageSizeBytes: 0, kinds: new Set<string>() }
const EVENTS_PATH = `/xrpc/${SUBSCRIBE_EVENTS}`
const DICTIONARY_PATH = '/xrpc/network.bsky.jetstream.getZstdDictionary'
const NOT_ALLOWED: Refused = { status: 405, body: 'Method Not Allowed\n', headers: { allow: 'GET, HEAD' } }

const urlOf = ({ url }: IncomingMessage): URL => new URL(url ?? '/', 'http://127.0.0.1')

/** Wire v2 alone has one; whatever else is offered is not selected. */
const subprotocolOf = (offered: ReadonlySet<string>, request: IncomingMessage): string | false =>
  urlOf(request).pathname === EVENTS_PATH && offered.has('xrpc.v1.json') && 'xrpc.v1.json'

const FLOOD_BYTES = 1_000_000_000

function spoil(response: ServerResponse, fault: DictionaryFault): void {
  if (fault.do === 'refuse') answerPlain(response, { status: fault.status ?? 503, body: fault.body ?? '', headers: fault.headers ?? {} })
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

function limitsOf({ server, pingEveryMs = 30_000, outboxEvents, writeTimeoutMs }: FakeJetstreamOptions): Shared['limits'] {
  const v2 = server === 'v2'
  return {
    pingEveryMs,
    outboxEvents: outboxEvents ?? (v2 ? Number.POSITIVE_INFINITY : 50_000),
    writeTimeoutMs: writeTimeoutMs ?? (v2 ? 5_000 : 10_000),
  }
}

function scriptOf({ events = 0, generate, server }: FakeJetstreamOptions, log: JetstreamLog): JetstreamScript {
  if (typeof events !== 'number') return new JetstreamScript(events, log, Array.isArray(events) ? 'ahead' : 'on demand')
  const grouped = server === 'v2' ? { operationsPerCommit: 3, sharedTime: true } : {}
  return new JetstreamScript(generateEvents({ ...grouped, ...generate, count: events }), log, 'ahead')
}
