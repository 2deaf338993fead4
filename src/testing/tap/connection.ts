import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { ServedConnection } from '../server/connection.js'
import type { FakeAttempt } from '../server/fake-connection.js'
import { joined } from '../wire/frame-store.js'
import type { TapRow } from './outbox.js'

/** What a connection calls on its server. */
export interface TapConnectionServer {
  onMessage(connection: TapConnection, text: string): void
  /** The kernel has taken these rows. */
  onWritten(rows: readonly TapRow[]): void
  /** The connection can take more. */
  onDrain(): void
  onEnd(connection: TapConnection): void
}

/** A client with more bytes than this on the way to the kernel misses its turn. */
const BUSY_BYTES = 1 << 16

/** One client of `/channel`. The server never pings it. */
export class TapConnection extends ServedConnection {
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
    ws: WebSocket,
    socket: Socket,
    private readonly server: TapConnectionServer,
  ) {
    super(attempt, ws, socket)
    ws.on('message', (data) => this.#said(String(data)))
    ws.on('close', () => server.onEnd(this))
  }

  get open(): boolean {
    return this.state !== 'ended'
  }

  /** Whether it can take the next event. */
  get ready(): boolean {
    return this.state === 'open' && !this.#busy
  }

  /** Whether it was ever sent this id. */
  wasSent(id: number): boolean {
    return this.#delivered.has(id)
  }

  /** Queues a row for the next {@link flush}. */
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
    for (const piece of joined(rows.map(({ bytes }) => bytes))) this.socket.write(piece)
    this.socket.write('', (error) => this.#written(rows, error))
    this.socket.uncork()
  }

  /**
   * Calls back when everything sent has left for the network, or the connection has ended.
   */
  drained(callback: () => void): void {
    this.socket.write('', callback)
  }

  #said(text: string): void {
    this.messages.push(text)
    if (this.open) this.server.onMessage(this, text)
  }

  /**
   * Goes on after a turn of the event loop, so that one fast reader does not starve the others.
   */
  #written(rows: readonly TapRow[], error: Error | null | undefined): void {
    if (!error) this.server.onWritten(rows)
    if (!this.#busy) return
    this.#busy = false
    this.server.onDrain()
  }
}
