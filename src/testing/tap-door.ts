import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Changes } from './changes.js'
import type { FakeAttempt } from './fake-connection.js'
import type { FakeTapOptions } from './fake-tap.js'
import type { ConnectFault } from './faults.js'
import { refuse } from './subscribe-request.js'
import { answerRequest, type TapAnswer, type TapRequest, type TapState, unauthorized, WEBHOOK_MODE } from './tap-routes.js'

/** What is behind the door. */
export interface TapHouse {
  readonly options: FakeTapOptions
  readonly state: TapState
  readonly changes: Changes
  /** The fault for this attempt, now counted as fired. */
  faultAt(attempt: number): ConnectFault | undefined
  /** A WebSocket is open. `fault` ends it at once. */
  joined(attempt: FakeAttempt, ws: WebSocket, socket: Socket, fault: ConnectFault | undefined): void
}

/** One attempt and what it needs to be answered. */
interface Knock {
  readonly attempt: FakeAttempt & { status: number }
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

/** The listener: answers requests, and lets in who may come in. */
export class TapDoor {
  readonly attempts: FakeAttempt[] = []
  readonly requests: (TapRequest & { readonly status: number })[] = []
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

  constructor(private readonly house: TapHouse) {}

  get port(): number {
    return (this.#http.address() as AddressInfo).port
  }

  async listen(port: number): Promise<void> {
    this.#http.on('connection', (socket) => this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))))
    this.#http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head))
    this.#http.on('request', (request, response) => void this.#request(request, response))
    await new Promise<void>((resolve, reject) => this.#http.once('error', reject).listen(port, '127.0.0.1', resolve))
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#wss.close()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const asked = requestOf(request, Buffer.concat(chunks).toString())
    const answer = this.house.options.intercept?.(asked) ?? this.#answerTo(asked)
    this.requests.push({ ...asked, status: typeof answer === 'string' ? 0 : answer.status })
    this.house.changes.changed()
    if (answer === 'reset') request.socket.resetAndDestroy()
    else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => undefined)
    if (request.url?.split('?')[0] !== '/channel') {
      refuse(socket, this.#answerTo(requestOf(request, '')))
      return
    }
    const knock: Knock = { attempt: this.#attempted(request), request, socket, head }
    const fault = this.house.faultAt(knock.attempt.attempt)
    if (fault) this.#meet(fault, knock)
    else this.#admit(knock)
    this.house.changes.changed()
  }

  #attempted({ url = '/', headers }: IncomingMessage): FakeAttempt & { status: number } {
    const { searchParams: params } = new URL(url, 'ws://127.0.0.1')
    const attempt = { attempt: this.attempts.length + 1, url, params, cursor: undefined, headers, startedAt: performance.now(), status: 0 }
    this.attempts.push(attempt)
    return attempt
  }

  #meet(fault: ConnectFault, knock: Knock): void {
    if (fault.do === 'refuse') refuseKnock(knock, { status: fault.status ?? 503, body: fault.body ?? '', headers: fault.headers ?? {} })
    if (fault.do === 'accept-and-drop') this.#accept(knock, fault)
  }

  #admit(knock: Knock): void {
    const { adminPassword, webhook } = this.house.options
    const refusal = unauthorized(knock.request.headers, adminPassword) ?? (webhook ? WEBHOOK_MODE : undefined)
    if (refusal) refuseKnock(knock, refusal)
    else this.#accept(knock)
  }

  /** A handshake that is not valid is answered by `ws`. */
  #accept({ attempt, request, socket, head }: Knock, fault?: ConnectFault): void {
    this.#wss.handleUpgrade(request, socket, head, (ws) => {
      attempt.status = 101
      this.house.joined(attempt, ws, socket, fault)
    })
  }

  #answerTo(asked: TapRequest): TapAnswer {
    return unauthorized(asked.headers, this.house.options.adminPassword) ?? answerRequest(this.house.state, asked)
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
