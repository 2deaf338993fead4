import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Changes } from '../server/changes.js'
import type { FakeAttempt } from '../server/fake-connection.js'
import type { ConnectFault } from '../server/faults.js'
import { answerUpgrade } from '../server/http-answer.js'
import {
  type ConnectionHandler,
  HttpListener,
  type UpgradeRequest,
} from '../server/http-listener.js'
import type { FakeTapOptions } from './contract.js'
import {
  answerRequest,
  type TapAnswer,
  type TapRequest,
  type TapState,
  unauthorized,
  WEBHOOK_MODE,
} from './routes.js'

/** What a Tap's listener calls. */
export interface TapListenerServer {
  readonly options: FakeTapOptions
  readonly state: TapState
  readonly changes: Changes
  /** The fault for this attempt. Counts it as fired. */
  faultAt(attempt: number): ConnectFault | undefined
  /** A WebSocket has opened. `fault` ends it at once. */
  onConnection(
    attempt: FakeAttempt,
    ws: WebSocket,
    socket: Socket,
    fault: ConnectFault | undefined,
  ): void
}

/** Accepts clients of `/channel`, and answers every other request. */
export class TapListener implements ConnectionHandler {
  readonly requests: (TapRequest & { readonly status: number })[] = []
  /** Like Go's server, it neither limits messages nor checks their UTF-8. */
  readonly #http = new HttpListener(this, { ws: { maxPayload: 0, skipUTF8Validation: true } })

  constructor(private readonly server: TapListenerServer) {}

  get port(): number {
    return this.#http.port
  }

  get host(): string {
    return this.#http.host
  }

  get attempts(): readonly FakeAttempt[] {
    return this.#http.attempts
  }

  listen(port: number): Promise<void> {
    return this.#http.listen(port)
  }

  close(): Promise<void> {
    return this.#http.close()
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    void this.#request(request, response)
  }

  onOtherRequest(request: IncomingMessage, socket: Socket): boolean {
    const isElsewhere = request.url?.split('?')[0] !== '/channel'
    if (isElsewhere) answerUpgrade(socket, this.#answerTo(requestOf(request, '')))
    return isElsewhere
  }

  onUpgrade(upgrade: UpgradeRequest): void {
    const fault = this.server.faultAt(upgrade.attempt.attempt)
    if (fault)
      this.#http.applyFault(fault, upgrade, (ws) =>
        this.server.onConnection(upgrade.attempt, ws, upgrade.socket, fault),
      )
    else this.#acceptOrRefuse(upgrade)
    this.server.changes.notify()
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const asked = requestOf(request, Buffer.concat(chunks).toString())
    const answer = this.server.options.intercept?.(asked) ?? this.#answerTo(asked)
    this.requests.push({ ...asked, status: typeof answer === 'string' ? 0 : answer.status })
    this.server.changes.notify()
    if (answer === 'reset') request.socket.resetAndDestroy()
    else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  #acceptOrRefuse(upgrade: UpgradeRequest): void {
    const { adminPassword, webhook } = this.server.options
    const refusal =
      unauthorized(upgrade.request.headers, adminPassword) ?? (webhook ? WEBHOOK_MODE : undefined)
    if (refusal) this.#http.refuse(upgrade, refusal)
    else
      this.#http.accept(upgrade, (ws) =>
        this.server.onConnection(upgrade.attempt, ws, upgrade.socket, undefined),
      )
  }

  #answerTo(asked: TapRequest): TapAnswer {
    return (
      unauthorized(asked.headers, this.server.options.adminPassword) ??
      answerRequest(this.server.state, asked)
    )
  }
}

const requestOf = (
  { method = 'GET', url = '/', headers }: IncomingMessage,
  body: string,
): TapRequest => ({
  method,
  path: url,
  headers,
  body,
})
