import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { FakeAttempt, FakeConnection } from './fake-connection.js'
import { frameOf } from './frame-store.js'
import type { TapEventFault } from './tap-faults.js'
import type { TapRow } from './tap-outbox.js'
import { reset } from './tcp-reset.js'

/** What a connection tells its server. */
export interface TapHost {
  said(connection: TapConnection, text: string): void
  /** The kernel has these. */
  written(rows: readonly TapRow[]): void
  /** There is room for more. */
  soon(): void
  ended(connection: TapConnection): void
}

/** With more than this on its way to the kernel, a client has to wait, and others get its turn. */
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
  /** What the next write holds. */
  #taken: TapRow[] = []
  #takenBytes = 0

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

  /** Takes a row; it leaves at the next {@link flush}. */
  send(row: TapRow): void {
    this.sent++
    this.#delivered.add(row.id)
    this.#taken.push(row)
    this.#takenBytes += row.bytes.end - row.bytes.start
    this.#busy = this.socket.writableLength + this.#takenBytes > BUSY_BYTES
  }

  flush(): void {
    const rows = this.#taken
    this.#taken = []
    this.#takenBytes = 0
    this.socket.cork()
    for (const piece of joined(rows)) this.socket.write(piece)
    this.socket.write('', (error) => this.#written(rows, error))
    this.socket.uncork()
  }

  /** Calls back as soon as all that was sent has left for the network, or the connection is over. */
  drained(callback: () => void): void {
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

  /** After a turn of the loop: a reader as fast as the writer must not keep everybody else waiting. */
  #written(rows: readonly TapRow[], error: Error | null | undefined): void {
    if (!error) this.host.written(rows)
    if (!this.#busy) return
    this.#busy = false
    this.host.soon()
  }

  /** The bytes are still read, or the end of the TCP connection would go unseen; but nobody looks at them. */
  #fallSilent(): void {
    this.#state = 'silent'
    this.socket.removeAllListeners('data')
    this.socket.on('data', () => undefined).resume()
  }
}

/** Rows that lie side by side are one piece. */
function joined(rows: readonly TapRow[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let index = 0; index < rows.length; ) {
    const first = (rows[index++] as TapRow).bytes
    let last = first
    for (let next = rows[index]?.bytes; next && next.slab === first.slab && next.start === last.end; next = rows[++index]?.bytes)
      last = next
    pieces.push(first.slab.subarray(first.start, last.end))
  }
  return pieces
}

function garbageOf({ frame, as = typeof frame === 'string' ? 'text' : 'binary' }: Extract<TapEventFault, { do: 'garbage' }>): Uint8Array {
  const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame
  return as === 'raw' ? bytes : frameOf(bytes, as)
}
