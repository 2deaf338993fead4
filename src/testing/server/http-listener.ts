import {
  createServer,
  type ServerOptions as HttpOptions,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, type ServerOptions as WebSocketOptions, WebSocketServer } from 'ws'
import type { FakeAttempt } from './fake-connection.js'
import type { ConnectFault } from './faults.js'
import { answerUpgrade, type HttpAnswer } from './http-answer.js'

/** One attempt to connect, and what is needed to answer it. */
export interface UpgradeRequest {
  readonly attempt: FakeAttempt & { status: number }
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

/** What a listener calls. */
export interface ConnectionHandler {
  /** A client asks for a WebSocket. */
  onUpgrade(upgrade: UpgradeRequest): void
  /**
   * Answers an upgrade on another path, which does not count as an attempt. Returns `false` if the
   * path is the right one.
   */
  onOtherRequest?(request: IncomingMessage, socket: Socket): boolean
  /** A request without an upgrade. */
  onRequest(request: IncomingMessage, response: ServerResponse): void
}

/** The listener of a fake server, on this machine's loopback. */
export class HttpListener {
  readonly attempts: FakeAttempt[] = []
  readonly #http: Server
  readonly #wss: WebSocketServer
  readonly #sockets = new Set<Socket>()
  #port = 0

  constructor(
    private readonly handler: ConnectionHandler,
    options: { readonly http?: HttpOptions; readonly ws?: WebSocketOptions } = {},
  ) {
    this.#http = createServer(options.http ?? {})
    this.#wss = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      handleProtocols: () => false,
      ...options.ws,
    })
  }

  /** Stays after `close()`, for specs that dial a server that is gone. */
  get port(): number {
    return this.#port
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  async listen(port: number): Promise<void> {
    this.#http.on('connection', (socket) =>
      this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))),
    )
    this.#http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#upgrade(request, socket, head),
    )
    this.#http.on('request', (request, response) => this.handler.onRequest(request, response))
    await new Promise<void>((resolve, reject) =>
      this.#http.once('error', reject).listen(port, '127.0.0.1', resolve),
    )
    this.#port = (this.#http.address() as AddressInfo).port
  }

  /** `ws` answers an invalid handshake. */
  accept(
    { attempt, request, socket, head }: UpgradeRequest,
    joined: (ws: WebSocket) => void,
  ): void {
    this.#wss.handleUpgrade(request, socket, head, (ws) => {
      attempt.status = 101
      joined(ws)
    })
  }

  refuse({ attempt, socket }: UpgradeRequest, refused: HttpAnswer): void {
    attempt.status = refused.status
    answerUpgrade(socket, refused)
  }

  /** Applies a fault. `joined` ends the connection that the fault lets in. */
  applyFault(
    fault: ConnectFault,
    upgrade: UpgradeRequest,
    joined: (ws: WebSocket, end: { readonly code?: number; readonly reason?: string }) => void,
  ): void {
    if (fault.do === 'refuse')
      this.refuse(upgrade, {
        status: fault.status ?? 503,
        body: fault.body ?? '',
        headers: fault.headers ?? {},
      })
    if (fault.do === 'accept-and-drop') this.accept(upgrade, (ws) => joined(ws, fault))
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#wss.close()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => undefined)
    if (this.handler.onOtherRequest?.(request, socket)) return
    this.handler.onUpgrade({ attempt: this.#recordAttempt(request), request, socket, head })
  }

  #recordAttempt({ url = '/', headers }: IncomingMessage): FakeAttempt & { status: number } {
    const { searchParams: params } = urlOf(url)
    const cursor = params.get('cursor') ?? undefined
    const attempt = {
      attempt: this.attempts.length + 1,
      url,
      params,
      cursor,
      headers,
      startedAt: performance.now(),
      status: 0,
    }
    this.attempts.push(attempt)
    return attempt
  }
}

/** A request's target as a URL. */
export const urlOf = (target = '/'): URL => new URL(target, 'http://127.0.0.1')
