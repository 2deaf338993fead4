import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

/** A message of Tap as the wire has it. */
export interface TapMessage {
  readonly id: number
  readonly type: string
  readonly record?: {
    readonly did: string
    readonly live: boolean
    readonly rkey: string
    readonly action: string
  }
  readonly identity?: { readonly did: string }
}

/**
 * A raw client that keeps what it was sent: what `tap$` does must not prove what the server does.
 */
export class TapClient implements AsyncDisposable {
  readonly frames: string[] = []
  #seen: (() => void) | undefined
  readonly ws: WebSocket
  /** How the connection ended. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>

  constructor(base: string, options: ClientOptions & { readonly acks?: boolean } = {}) {
    const { acks, ...rest } = options
    this.ws = new WebSocket(`${base}/channel`, { perMessageDeflate: false, ...rest })
    this.ws.on('error', () => undefined)
    this.ws.on('message', (data) => {
      this.frames.push(String(data))
      if (acks) this.ack(JSON.parse(String(data)).id)
      this.#seen?.()
    })
    this.ended = once(this.ws, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
  }

  get messages(): TapMessage[] {
    return this.frames.map((frame) => JSON.parse(frame))
  }

  get ids(): number[] {
    return this.messages.map(({ id }) => id)
  }

  ack(...ids: readonly number[]): void {
    for (const id of ids) this.ws.send(`{"type":"ack","id":${id}}`)
  }

  /** Resolves with the ids as soon as there are `count`. */
  async received(count: number): Promise<number[]> {
    while (this.frames.length < count) await new Promise<void>((resolve) => (this.#seen = resolve))
    return this.ids
  }

  /** Resolves when the server answers a ping: all it had sent before is here. */
  async settled(): Promise<number[]> {
    this.ws.ping()
    await once(this.ws, 'pong')
    return this.ids
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ws.terminate()
    await this.ended
  }
}

/** Opens a client and waits for its connection. */
export async function connect(
  base: string,
  options?: ClientOptions & { readonly acks?: boolean },
): Promise<TapClient> {
  const client = new TapClient(base, options)
  await once(client.ws, 'open')
  return client
}

/** The HTTP answer to a handshake that is refused. */
export async function refusalOf(base: string, options: ClientOptions = {}) {
  const ws = new WebSocket(`${base}/channel`, { perMessageDeflate: false, ...options })
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
