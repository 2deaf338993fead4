import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { ReplaySubject } from 'rxjs'
import { WebSocketServer } from 'ws'
import { Changes } from './changes.js'
import { onMessage } from './client-message.js'
import type { FakeAttempt, FakeConnection } from './fake-connection.js'
import type { FakeJetstream, FakeJetstreamOptions } from './fake-jetstream.js'
import { type ConnectFault, FaultPlan, type FiredFault } from './faults.js'
import { generateEvents } from './generate-events.js'
import { placeOf } from './jetstream-cursor.js'
import { JetstreamLog, type LogItem } from './jetstream-log.js'
import { JetstreamScript } from './jetstream-script.js'
import { Session, type Shared, type Start } from './jetstream-session.js'
import { answerPlain, type Refused, readRequest, refuse } from './subscribe-request.js'

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
  readonly compress: Shared['compress']
  readonly #script: JetstreamScript
  readonly #server: 'legacy' | 'v2'
  readonly #http: Server = createServer({ maxHeaderSize: MAX_HEADER_BYTES })
  readonly #wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols: () => false })
  readonly #sockets = new Set<Socket>()
  readonly #ended: Session[] = []
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
    this.compress = options.compress
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
    this.#http.on('connection', (socket) => this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))))
    this.#http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head))
    this.#http.on('request', (request, response) => answerPlain(request, response, this.#server))
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
    const asked = readRequest(knock.request, this.#server)
    if ('status' in asked) {
      this.#refuse(knock, asked)
      return
    }
    const place = asked.cursor === undefined ? undefined : placeOf(asked.cursor, this.log, this.options.unsealedEvents ?? 0)
    this.#accept(knock, { ...asked, place, waitsForHello: asked.requireHello })?.pump()
    this.#pace()
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
    const start: Start = { filter: NOTHING_ASKED, place: undefined, compressed: false, waitsForHello: true }
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
    if (!isBinary) onMessage(session, text)
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

const NOTHING_ASKED = { prefixes: [], names: new Set<string>(), dids: new Set<string>(), maxMessageSizeBytes: 0 }

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
