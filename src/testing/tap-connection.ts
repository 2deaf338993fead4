import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { FakeAttempt, FakeConnection } from './fake-connection.js'
import { frameOf } from './frame-store.js'
import type { TapEventFault } from './tap-faults.js'
import type { TapRow } from './tap-outbox.js'

/** What a connection tells its server. */
export interface TapHost {
  said(connection: TapConnection, text: string): void
  /** It can take more. */
  pump(): void
  ended(connection: TapConnection): void
}

/** A write that Node has not handed to the kernel; more than this, and others get their turn. */
const BUSY_BYTES = 1 << 16

/** One client of `/channel`. */
export class TapConnection implements FakeConnection {
  readonly messages: string[] = []
  pings = 0
  /** The server never pings. */
  readonly pongs = 0
  sent = 0
  closed: { readonly code: number; readonly reason: string } | undefined

  readonly attempt: number
  readonly url: string
  readonly params: URLSearchParams
  readonly cursor: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly startedAt: number
  readonly status = 101

  #state: 'open' | 'stalled' | 'silent' | 'ended' = 'open'
  /** The kernel's buffers are full: the client does not read. */
  #busy = false
  readonly #delivered = new Set<number>()

  constructor(
    attempt: FakeAttempt,
    /** Its place among the accepted connections, counted from 1. */
    readonly number: number,
    readonly ws: WebSocket,
    readonly socket: Socket,
    private readonly host: TapHost,
  ) {
    this.attempt = attempt.attempt
    this.url = attempt.url
    this.params = attempt.params
    this.cursor = attempt.cursor
    this.headers = attempt.headers
    this.startedAt = attempt.startedAt
    this.#listen()
  }

  get open(): boolean {
    return this.#state !== 'ended'
  }

  /** Whether it takes the next event. */
  get ready(): boolean {
    return this.#state === 'open' && !this.#busy
  }

  /** Whether it was ever sent this id. */
  wasSent(id: number): boolean {
    return this.#delivered.has(id)
  }

  send({ id, bytes }: TapRow, written?: (error?: Error | null) => void): void {
    this.sent++
    this.#delivered.add(id)
    this.socket.write(bytes.slab.subarray(bytes.start, bytes.end), written)
    if (this.socket.writableLength < BUSY_BYTES) return
    this.#busy = true
    this.socket.once('drain', () => setImmediate(() => this.#drained()))
  }

  /** Calls back as soon as all that was sent has left for the network, or the connection is over. */
  flushed(callback: () => void): void {
    this.socket.write('', callback)
  }

  /** Without a close frame, unless there is a code. */
  end(code?: number, reason?: string): void {
    this.#state = 'ended'
    if (code === undefined) this.socket.destroy()
    else this.ws.close(code, reason)
  }

  fail(fault: TapEventFault): void {
    switch (fault.do) {
      case 'reset':
        this.#state = 'ended'
        this.socket.resetAndDestroy()
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
        this.#state = 'stalled'
        break
      case 'garbage':
        this.socket.write(garbageOf(fault))
        break
      case 'ping':
        this.ws.ping()
    }
  }

  #listen(): void {
    const { ws } = this
    ws.on('error', () => undefined)
    ws.on('ping', () => this.pings++)
    ws.on('message', (data) => this.#said(String(data)))
    ws.on('close', (code, reason) => {
      this.#state = 'ended'
      this.closed = { code, reason: reason.toString() }
      this.host.ended(this)
    })
  }

  #said(text: string): void {
    this.messages.push(text)
    if (this.open) this.host.said(this, text)
  }

  #drained(): void {
    this.#busy = false
    this.host.pump()
  }

  /** The bytes are still read, or the end of the TCP connection would go unseen; but nobody looks at them. */
  #fallSilent(): void {
    this.#state = 'silent'
    this.socket.removeAllListeners('data')
    this.socket.on('data', () => undefined).resume()
  }
}

function garbageOf({ frame, as = typeof frame === 'string' ? 'text' : 'binary' }: Extract<TapEventFault, { do: 'garbage' }>): Uint8Array {
  const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame
  return as === 'raw' ? bytes : frameOf(bytes, as)
}
