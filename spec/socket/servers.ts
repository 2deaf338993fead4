import { once } from 'node:events'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import { CERTIFICATE, KEY } from './certificate.js'

/** A server of a spec: its URL, and its end. */
export interface Listening extends AsyncDisposable {
  readonly url: string
}

async function listening(
  server: Server,
  sockets: ReadonlySet<Socket>,
  scheme = 'ws',
): Promise<Listening> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  return sockets
}

/** Bytes on TCP, as `onSocket` writes them. */
export function tcpServer(onSocket: (socket: Socket) => void): Promise<Listening> {
  const server = createServer(onSocket)
  return listening(server, socketsOf(server))
}

/** Answers every handshake with plain HTTP. */
export function refusing(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Listening> {
  const server = createHttp(answer)
  return listening(server, socketsOf(server))
}

/** A WebSocket server, and the handshake it was sent. */
export async function wsServer(
  onConnection: (ws: WebSocket, request: IncomingMessage, tcp: Socket) => void,
  { perMessageDeflate = false, secure = false } = {},
): Promise<Listening> {
  const server = secure ? createHttps({ key: KEY, cert: CERTIFICATE }) : createHttp()
  const sockets = socketsOf(server)
  const wss = new WebSocketServer({ server, perMessageDeflate })
  wss.on('connection', (ws, request) => {
    ws.on('error', () => undefined)
    onConnection(ws, request, request.socket)
  })
  return listening(server, sockets, secure ? 'wss' : 'ws')
}

/** A server over TLS, by name: `https` answers `page` to every request. */
export async function secureServer(
  certificate: string,
  onConnection: (ws: WebSocket) => void = () => undefined,
): Promise<
  Listening & {
    readonly https: string
    /** How many TCP connections have come. */
    readonly handshakes: number
  }
> {
  const server = createHttps({ key: KEY, cert: certificate }, (_, response) => response.end('page'))
  const sockets = socketsOf(server)
  let handshakes = 0
  server.on('connection', () => {
    handshakes += 1
  })
  new WebSocketServer({ server }).on('connection', onConnection)
  const { url, [Symbol.asyncDispose]: close } = await listening(server, sockets, 'wss')
  const named = url.replace('127.0.0.1', 'localhost')
  return {
    url: named,
    https: named.replace('wss', 'https'),
    get handshakes() {
      return handshakes
    },
    [Symbol.asyncDispose]: close,
  }
}

/** TLS in front of a server, by name. */
export async function tlsFront(
  target: string,
  certificate: string,
): Promise<Listening & { renew(certificate: string): void }> {
  const { hostname, port } = new URL(target)
  const server = createTls({ key: KEY, cert: certificate }, (client) => {
    const upstream = connect(Number(port), hostname)
    client.pipe(upstream).pipe(client)
    for (const [one, other] of [[client, upstream] as const, [upstream, client] as const])
      one.on('error', () => undefined).on('close', () => other.destroy())
  })
  server.on('tlsClientError', () => undefined)
  const { url, [Symbol.asyncDispose]: close } = await listening(server, socketsOf(server), 'wss')
  return {
    url: url.replace('127.0.0.1', 'localhost'),
    renew: (cert) => server.setSecureContext({ key: KEY, cert }),
    [Symbol.asyncDispose]: close,
  }
}

/**
 * One unmasked frame as a server writes it: a header for less than 126 bytes, or for less than 64
 * KiB.
 */
export function frame(opcode: number, payload: Uint8Array): Buffer {
  const head =
    payload.length < 126
      ? [0x80 | opcode, payload.length]
      : [0x80 | opcode, 126, payload.length >> 8, payload.length & 255]
  return Buffer.concat([Buffer.from(head), payload])
}
