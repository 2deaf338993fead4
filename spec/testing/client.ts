import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'
import type { JetstreamEvent } from '../../src/sources/jetstream/events.js'

/** A raw client that keeps what it was sent: what our sources do must not prove what the server does. */
export class Client implements AsyncDisposable {
  readonly frames: string[] = []
  pings = 0
  #seen: (() => void) | undefined
  readonly ws: WebSocket
  /** How the connection ended. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>

  constructor(base: string, query = '', options: ClientOptions = {}) {
    this.ws = new WebSocket(`${base}/subscribe${query}`, { perMessageDeflate: false, ...options })
    this.ws.on('error', () => undefined)
    this.ws.on('ping', () => this.pings++)
    this.ws.on('message', (data) => {
      this.frames.push(String(data))
      this.#seen?.()
    })
    this.ended = new Promise((resolve) => this.ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
  }

  get events(): JetstreamEvent[] {
    return this.frames.map((frame) => JSON.parse(frame))
  }

  get times(): number[] {
    return this.events.map((event) => event.time_us)
  }

  /** Resolves with the events as soon as there are `count`. */
  async received(count: number): Promise<JetstreamEvent[]> {
    while (this.frames.length < count) await new Promise<void>((resolve) => (this.#seen = resolve))
    return this.events
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ws.terminate()
    await this.ended
  }
}

/** The HTTP answer to a handshake that is refused. */
export async function refusalOf(base: string, query = '', options: ClientOptions = {}) {
  const ws = new WebSocket(`${base}/subscribe${query}`, { perMessageDeflate: false, ...options })
  ws.on('error', () => undefined)
  const [, response] = await once(ws, 'unexpected-response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, body: String(Buffer.concat(chunks)), headers: response.headers }
}
