import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { Changes } from './changes.js'
import type { FakeAttempt, FakeConnection } from './fake-connection.js'
import type { FakeTap, FakeTapAck, FakeTapDelivery, FakeTapOptions, FakeTapRow } from './fake-tap.js'
import { type ConnectFault, FaultPlan, type FiredFault } from './faults.js'
import { refuse } from './subscribe-request.js'
import { readClientMessage } from './tap-ack.js'
import { TapConnection, type TapHost } from './tap-connection.js'
import type { TapEventFault } from './tap-faults.js'
import type { FakeTapItem } from './tap-frame.js'
import { TapOutbox, type TapRow } from './tap-outbox.js'
import { answerRequest, type FakeTapRepo, type TapAnswer, type TapRequest, unauthorized, WEBHOOK_MODE } from './tap-routes.js'
import { TapScript } from './tap-script.js'
import { TapTracker } from './tap-tracker.js'

/** One attempt and what it needs to be answered. */
interface Knock {
  readonly attempt: FakeAttempt & { status: number }
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

/** The listener, the outbox and the connections of one fake server. */
export class TapServer implements FakeTap, TapHost {
  readonly attempts: FakeAttempt[] = []
  readonly connections: TapConnection[] = []
  readonly requests: (TapRequest & { readonly status: number })[] = []
  readonly acks: FakeTapAck[] = []
  readonly delivered: FakeTapDelivery[] = []
  sent = 0
  readonly #outbox = new TapOutbox()
  readonly #tracker: TapTracker
  readonly #script: TapScript
  readonly #faults: FaultPlan
  readonly #changes = new Changes()
  readonly #http: Server = createServer()
  /** No limit on what a client sends, and no look at its text: Go's server has neither. */
  readonly #wss = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: () => false,
    maxPayload: 0,
    skipUTF8Validation: true,
  })
  readonly #sockets = new Set<Socket>()
  readonly #ended: TapConnection[] = []
  /** Open connections; they take turns. */
  #open: TapConnection[] = []
  #turn = 0
  /** The one that was sent the last frame: a fault that counts frames is its. */
  #last: TapConnection | undefined
  /** A fault waits until what was sent before it has left. */
  #striking = false
  readonly #ticker: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(readonly options: FakeTapOptions) {
    this.#tracker = new TapTracker(options.repos ?? [])
    this.#script = new TapScript(options)
    this.#faults = new FaultPlan(options.faults ?? [])
    const { retryTimeoutMs = 60_000 } = options
    if (!options.disableAcks) this.#ticker = setInterval(() => this.#redeliver(retryTimeoutMs), retryTimeoutMs)
    this.#fill()
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get url(): string {
    return `ws://${this.host}`
  }

  get fired(): readonly FiredFault[] {
    return this.#faults.fired
  }

  get outbox(): readonly FakeTapRow[] {
    return [...this.#outbox.rows.values()]
  }

  get repos(): readonly FakeTapRepo[] {
    return [...this.#tracker.repos.values()]
  }

  async listen(port: number): Promise<void> {
    this.#http.on('connection', (socket) => this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))))
    this.#http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head))
    this.#http.on('request', (request, response) => void this.#request(request, response))
    await new Promise<void>((resolve, reject) => this.#http.once('error', reject).listen(port, '127.0.0.1', resolve))
  }

  emit(...events: readonly FakeTapItem[]): readonly number[] {
    const ids = events.map((event) => this.#add(event).id)
    this.pump()
    return ids
  }

  redeliver(): number {
    return this.#redeliver(0)
  }

  async connected(n = 1): Promise<FakeConnection> {
    await this.when(() => this.connections.length >= n)
    return this.connections[n - 1] as FakeConnection
  }

  async closed(n = 1): Promise<FakeConnection> {
    await this.when(() => this.#ended.length >= n)
    return this.#ended[n - 1] as FakeConnection
  }

  acked(n = 1): Promise<void> {
    return this.when(() => this.#outbox.acked >= n)
  }

  drained(): Promise<void> {
    return this.when(() => this.#script.done && this.#outbox.rows.size === 0)
  }

  when(holds: () => boolean): Promise<void> {
    return this.#changes.when(holds)
  }

  restart({ forgetAcks = 0 }: { readonly forgetAcks?: number } = {}): void {
    for (const connection of this.#open) connection.end()
    this.#outbox.restart(this.options.ackFlushMs ?? 0, forgetAcks)
    this.#fill()
    this.#changes.changed()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Sends what may be sent to whoever may have it. */
  pump(): void {
    if (this.#striking) return
    const written = new Set<TapConnection>()
    for (let room = this.#faults.room(this.sent); room > 0 && this.#outbox.ready; room--) {
      const connection = this.#next()
      if (connection === undefined) break
      if (!written.has(connection)) connection.socket.cork()
      written.add(connection)
      this.#send(connection)
    }
    for (const connection of written) connection.socket.uncork()
    if (this.#faults.room(this.sent) <= 0) this.#strike()
    this.#changes.changed()
  }

  said(connection: TapConnection, text: string): void {
    const message = readClientMessage(text)
    if (message === 'malformed') connection.end()
    else if (message !== 'ignored' && !this.options.disableAcks) this.#ack(connection, message.ack)
    this.#changes.changed()
  }

  ended(connection: TapConnection): void {
    this.#ended.push(connection)
    this.#open = this.#open.filter((other) => other !== connection)
    this.pump()
  }

  #next(): TapConnection | undefined {
    for (let tries = this.#open.length; tries > 0; tries--) {
      const connection = this.#open[this.#turn++ % this.#open.length]
      if (connection?.ready) return connection
    }
    return undefined
  }

  #send(connection: TapConnection): void {
    const row = this.#outbox.take()
    if (row === undefined) return
    row.deliveries++
    this.sent++
    this.#last = connection
    this.delivered.push(new Delivered(row, connection.number, row.deliveries))
    connection.send(row, this.options.disableAcks ? (error) => this.#forget(row, error) : undefined)
  }

  /** Without acks a row is done when its write succeeds; one whose write fails stays, and nothing sends it again. */
  #forget(row: TapRow, error: Error | null | undefined): void {
    if (!error && this.#outbox.rows.get(row.id) === row) this.#done(row.id)
  }

  #ack(connection: TapConnection, id: number): void {
    const stray = !connection.wasSent(id)
    const row = this.#done(id)
    this.acks.push({ id, connection: connection.number, delivery: row?.deliveries, stray })
  }

  #done(id: number): TapRow | undefined {
    const row = this.#outbox.ack(id)
    if (row === undefined) return undefined
    this.#fill()
    this.pump()
    return row
  }

  #redeliver(olderThanMs: number): number {
    if (this.options.disableAcks) return 0
    const copies = this.#outbox.redeliver(olderThanMs)
    this.pump()
    return copies
  }

  #fill(): void {
    const { capacity = 100_000 } = this.options
    while (this.#outbox.rows.size < capacity) {
      const item = this.#script.next((id) => !this.#outbox.rows.has(id))
      if (item === undefined) return
      this.#add(item)
    }
  }

  #add(item: FakeTapItem): TapRow {
    this.#tracker.track(item)
    return this.#outbox.add(item)
  }

  #strike(): void {
    const connection = this.#last?.open ? this.#last : this.#next()
    if (connection === undefined) return
    this.#striking = true
    connection.flushed(() => {
      this.#striking = false
      if (connection.open) this.#fire(connection)
      this.pump()
    })
  }

  #fire(connection: TapConnection): void {
    const fault = this.#faults.afterEvents(this.sent, connection.attempt)
    if (fault) connection.fail(fault as TapEventFault)
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => undefined)
    const asked = requestOf(request, '')
    if (request.url?.split('?')[0] !== '/channel') {
      refuse(socket, this.#answerTo(asked))
      return
    }
    const knock: Knock = { attempt: this.#attempted(request), request, socket, head }
    const fault = this.#faults.onConnect(knock.attempt.attempt, this.sent)
    if (fault) this.#meet(fault, knock)
    else this.#admit(knock, asked)
    this.#changes.changed()
  }

  #attempted(request: IncomingMessage): FakeAttempt & { status: number } {
    const { url = '/', headers } = request
    const params = new URL(url, this.url).searchParams
    const attempt = { attempt: this.attempts.length + 1, url, params, cursor: undefined, headers, startedAt: performance.now(), status: 0 }
    this.attempts.push(attempt)
    return attempt
  }

  #meet(fault: ConnectFault, knock: Knock): void {
    if (fault.do === 'refuse') refuseKnock(knock, { status: fault.status ?? 503, body: fault.body ?? '', headers: fault.headers ?? {} })
    if (fault.do === 'accept-and-drop') this.#accept(knock)?.end(fault.code, fault.reason)
  }

  #admit(knock: Knock, asked: TapRequest): void {
    const refusal = unauthorized(asked, this.options.adminPassword) ?? (this.options.webhook ? WEBHOOK_MODE : undefined)
    if (refusal) refuseKnock(knock, refusal)
    else if (this.#accept(knock)) this.pump()
  }

  /** `undefined` where the handshake itself was not valid; that is answered already. */
  #accept({ attempt, request, socket, head }: Knock): TapConnection | undefined {
    let connection: TapConnection | undefined
    this.#wss.handleUpgrade(request, socket, head, (ws) => {
      attempt.status = 101
      connection = new TapConnection(attempt, this.connections.length + 1, ws, socket, this)
      this.connections.push(connection)
      this.#open.push(connection)
    })
    return connection
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const asked = requestOf(request, Buffer.concat(chunks).toString())
    const answer = this.options.intercept?.(asked) ?? this.#answerTo(asked)
    this.requests.push({ ...asked, status: typeof answer === 'string' ? 0 : answer.status })
    this.#changes.changed()
    if (answer === 'reset') request.socket.resetAndDestroy()
    else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  #answerTo(asked: TapRequest): TapAnswer {
    const { repos } = this.#tracker
    const state = { repos, documents: this.options.documents ?? {}, outbox: this.#outbox.rows, webhook: this.options.webhook ?? false }
    return unauthorized(asked, this.options.adminPassword) ?? answerRequest(state, asked)
  }

  async #close(): Promise<void> {
    clearInterval(this.#ticker)
    for (const socket of this.#sockets) socket.destroy()
    this.#wss.close()
    await new Promise((resolve) => this.#http.close(resolve))
    const { missing } = this.#faults
    if (missing.length > 0)
      throw new Error(
        `faults that never happened, after ${this.sent} frames over ${this.connections.length} connections:\n  ${missing.join('\n  ')}`,
      )
  }
}

class Delivered implements FakeTapDelivery {
  readonly #row: TapRow

  constructor(
    row: TapRow,
    readonly connection: number,
    readonly delivery: number,
  ) {
    this.#row = row
  }

  get id(): number {
    return this.#row.id
  }

  get did(): string {
    return this.#row.did
  }

  get live(): boolean {
    return this.#row.live
  }

  get frame(): string {
    return this.#row.frame
  }
}

const requestOf = ({ method = 'GET', url = '/', headers }: IncomingMessage, body: string): TapRequest => ({
  method,
  path: url,
  headers,
  body,
})

function refuseKnock({ attempt, socket }: Knock, answer: TapAnswer): void {
  attempt.status = answer.status
  refuse(socket, answer)
}
