import { once } from 'node:events'
import { connect } from 'node:net'
import { type ClientOptions, WebSocket } from 'ws'
import type { JetstreamEvent } from '../../src/events.js'

/**
 * A raw client that keeps what it was sent: what our sources do must not prove what the server
 * does.
 */
export class Client implements AsyncDisposable {
  readonly frames: string[] = []
  pings = 0
  #seen: (() => void) | undefined
  readonly ws: WebSocket
  /** How the connection ended. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>

  constructor(base: string, query = '', options: ClientOptions = {}) {
    this.ws = new WebSocket(`${base}${query}`, { perMessageDeflate: false, ...options })
    this.ws.on('error', () => undefined)
    this.ws.on('ping', () => this.pings++)
    this.ws.on('message', (data) => {
      this.frames.push(String(data))
      this.#seen?.()
    })
    this.ended = new Promise((resolve) =>
      this.ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    )
  }

  get events(): JetstreamEvent[] {
    return this.frames.map((frame) => JSON.parse(frame))
  }

  get times(): number[] {
    return this.events.map((event) => event.time_us)
  }

  /** Resolves as soon as there are `count` frames. */
  async received(count: number): Promise<void> {
    while (this.frames.length < count) await this.#next()
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#seen = resolve
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ws.terminate()
    await this.ended
  }
}

/** The HTTP answer to a handshake that is refused. */
export async function refusalOf(base: string, query = '', options: ClientOptions = {}) {
  const ws = new WebSocket(`${base}${query}`, { perMessageDeflate: false, ...options })
  ws.on('error', () => undefined)
  const [, response] = await once(ws, 'unexpected-response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return {
    status: response.statusCode,
    body: String(Buffer.concat(chunks)),
    headers: response.headers,
  }
}

const HANDSHAKE = [
  'GET /subscribe HTTP/1.1',
  'Host: spec',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')

/**
 * How the TCP connection of a subscriber ends. What tells the two apart is a write after the end:
 * it fails on a connection that was reset, and succeeds (at first) on one that the peer has merely
 * closed. Node itself may report an RST that comes with data as an end.
 */
export async function tcpEndOf(port: number): Promise<'reset' | 'closed'> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on(
    'data',
    () => undefined,
  )
  socket.write(HANDSHAKE)
  const how = await new Promise<'reset' | 'closed'>((resolve) => {
    socket.on('error', () => resolve('reset'))
    socket.on('end', () => socket.write('x', (error) => resolve(error ? 'reset' : 'closed')))
  })
  socket.destroy()
  return how
}
