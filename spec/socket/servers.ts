import { once } from 'node:events'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
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
