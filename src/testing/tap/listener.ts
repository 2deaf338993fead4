import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { refuse } from '../jetstream/subscribe-request.js'
import type { Changes } from '../server/changes.js'
import type { FakeAttempt } from '../server/fake-connection.js'
import type { ConnectFault } from '../server/faults.js'
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

/** What is behind the door. */
export interface TapHandler {
  readonly options: FakeTapOptions
  readonly state: TapState
  readonly changes: Changes
  /** The fault for this attempt, now counted as fired. */
  faultAt(attempt: number): ConnectFault | undefined
  /** A WebSocket is open. `fault` ends it at once. */
  joined(attempt: FakeAttempt, ws: WebSocket, socket: Socket, fault: ConnectFault | undefined): void
}

/** Who may come in, and what everybody else is answered. */
export class TapListener implements ConnectionHandler {
  readonly requests: (TapRequest & { readonly status: number })[] = []
  /** No limit on what a client sends, and no look at its text: Go's server has neither. */
  readonly #door = new HttpListener(this, { ws: { maxPayload: 0, skipUTF8Validation: true } })

  constructor(private readonly house: TapHandler) {}

  get port(): number {
    return this.#door.port
  }

  get host(): string {
    return this.#door.host
  }

  get attempts(): readonly FakeAttempt[] {
    return this.#door.attempts
  }

  listen(port: number): Promise<void> {
    return this.#door.listen(port)
  }

  close(): Promise<void> {
    return this.#door.close()
  }

  asked(request: IncomingMessage, response: ServerResponse): void {
    void this.#request(request, response)
  }

  onOtherRequest(request: IncomingMessage, socket: Socket): boolean {
    const isElsewhere = request.url?.split('?')[0] !== '/channel'
    if (isElsewhere) refuse(socket, this.#answerTo(requestOf(request, '')))
    return isElsewhere
  }

  knocked(knock: UpgradeRequest): void {
    const fault = this.house.faultAt(knock.attempt.attempt)
    if (fault)
      this.#door.meet(fault, knock, (ws) =>
        this.house.joined(knock.attempt, ws, knock.socket, fault),
      )
    else this.#admit(knock)
    this.house.changes.changed()
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

  #admit(knock: UpgradeRequest): void {
    const { adminPassword, webhook } = this.house.options
    const refusal =
      unauthorized(knock.request.headers, adminPassword) ?? (webhook ? WEBHOOK_MODE : undefined)
    if (refusal) this.#door.refuse(knock, refusal)
    else
      this.#door.accept(knock, (ws) =>
        this.house.joined(knock.attempt, ws, knock.socket, undefined),
      )
  }

  #answerTo(asked: TapRequest): TapAnswer {
    return (
      unauthorized(asked.headers, this.house.options.adminPassword) ??
      answerRequest(this.house.state, asked)
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
