import { decodeFirst } from '@atcute/cbor'
import { type ClientOptions, WebSocket } from 'ws'

interface Decoded {
  readonly t: string | undefined
  readonly op: number
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * A raw client of an event stream in CBOR: what our sources do must not prove what the server does.
 */
export class FrameClient implements AsyncDisposable {
  readonly frames: Buffer[] = []
  pings = 0
  #seen: (() => void) | undefined
  readonly ws: WebSocket
  /** How the connection ended. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>

  constructor(endpoint: string, query = '', options: ClientOptions = {}) {
    this.ws = new WebSocket(`${endpoint}${query}`, { perMessageDeflate: false, ...options })
    this.ws.on('error', () => undefined)
    this.ws.on('ping', () => this.pings++)
    this.ws.on('message', (data, isBinary) => {
      this.frames.push(isBinary ? (data as Buffer) : Buffer.from(`text: ${data}`))
      this.#seen?.()
    })
    this.ended = new Promise((resolve) =>
      this.ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    )
  }

  get messages(): Decoded[] {
    return this.frames.map(decoded)
  }

  get seqs(): unknown[] {
    return this.messages.map(({ body }) => body.seq)
  }

  /** Resolves as soon as there are `count` frames. */
  async received(count: number): Promise<void> {
    while (this.frames.length < count) {
      await new Promise<void>((resolve) => {
        this.#seen = resolve
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ws.terminate()
    await this.ended
  }
}

/** Header and body, and nothing behind them. */
export function decoded(frame: Uint8Array): Decoded {
  const [header, rest] = decodeFirst(frame)
  const [body, left] = decodeFirst(rest)
  expect(left).toHaveLength(0)
  return { t: header.t, op: header.op, body }
}
