import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { frameOf } from '../wire/frame-store.js'
import type { FakeAttempt, FakeConnection } from './fake-connection.js'
import type { ConnectionFault, EventFault } from './faults.js'
import { reset } from './tcp-reset.js'

/** One accepted client: what it sent, and the faults that are applied to it. */
export class ServedConnection implements FakeConnection {
  readonly messages: string[] = []
  pings = 0
  pongs = 0
  sent = 0
  closed: { readonly code: number; readonly reason: string } | undefined

  readonly attempt: number
  readonly url: string
  readonly params: URLSearchParams
  readonly cursor: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly startedAt: number
  readonly status = 101

  /** `waiting`: for the client's first options update. */
  state: 'waiting' | 'open' | 'stalled' | 'silent' | 'ended' = 'open'

  constructor(
    attempt: FakeAttempt,
    readonly ws: WebSocket,
    readonly socket: Socket,
  ) {
    this.attempt = attempt.attempt
    this.url = attempt.url
    this.params = attempt.params
    this.cursor = attempt.cursor
    this.headers = attempt.headers
    this.startedAt = attempt.startedAt
    ws.on('error', () => undefined)
    ws.on('ping', () => this.pings++)
    ws.on('pong', () => this.pongs++)
    ws.on('close', (code, reason) => {
      this.state = 'ended'
      this.closed = { code, reason: reason.toString() }
    })
  }

  /** Ends the connection, with a close frame if there is a code. */
  end(code?: number, reason?: string): void {
    this.state = 'ended'
    if (code === undefined) this.socket.destroy()
    else this.ws.close(code, reason)
  }

  /** Applies a fault. */
  fail(fault: ConnectionFault): void {
    switch (fault.do) {
      case 'reset':
        this.state = 'ended'
        reset(this.socket)
        break
      case 'drop':
        this.end()
        break
      case 'close':
        this.end(fault.code ?? 1000, fault.reason)
        break
      case 'silence':
        this.#fallSilent()
        break
      case 'stall':
        this.state = 'stalled'
        break
      case 'garbage':
        this.socket.write(garbageOf(fault))
        break
      case 'ping':
        this.ws.ping()
    }
  }

  /**
   * Bytes are read and discarded: without reading, the end of the TCP connection goes unnoticed.
   */
  #fallSilent(): void {
    this.state = 'silent'
    this.socket.removeAllListeners('data')
    this.socket.on('data', () => undefined).resume()
  }
}

function garbageOf({
  frame,
  as = typeof frame === 'string' ? 'text' : 'binary',
}: Extract<EventFault, { do: 'garbage' }>): Uint8Array {
  const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame
  return as === 'raw' ? bytes : frameOf(bytes, as)
}
