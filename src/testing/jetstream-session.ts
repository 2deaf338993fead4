import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Changes } from './changes.js'
import type { FakeAttempt, FakeConnection } from './fake-connection.js'
import type { EventFault, FaultPlan } from './faults.js'
import { type Frame, frameOf } from './frame-store.js'
import { type JetstreamFilter, wants } from './jetstream-filter.js'
import type { Forms } from './jetstream-forms.js'
import type { JetstreamLog } from './jetstream-log.js'
import { errorFrame } from './jetstream-translate.js'
import type { Packer } from './jetstream-zstd.js'
import { reset } from './tcp-reset.js'

/** What all connections of one server share. */
export interface Shared {
  readonly log: JetstreamLog
  readonly faults: FaultPlan
  readonly changes: Changes
  readonly limits: { readonly outboxEvents: number; readonly writeTimeoutMs: number; readonly pingEveryMs: number }
  readonly forms: Forms
  sent: number
  /** Appends more of the script, if it is this connection's turn to ask; answers whether there was any. */
  pull(): boolean
  /** The connection is over. */
  ended(session: Session): void
}

/** How a connection begins. */
export interface Start {
  readonly filter: JetstreamFilter
  /** The place in the log; `undefined` for the live tail. */
  readonly place: number | undefined
  readonly wire: 'v1' | 'v2'
  /** For a client that asked for zstd. */
  readonly packer?: Packer | undefined
  /** A frame to begin with. */
  readonly greeting?: string | undefined
  /** Nothing is sent before the first options update. */
  readonly waitsForHello: boolean
}

const BATCH_BYTES = 256 * 1024
const BATCH_ROWS = 8192

/** Reads the log at its own pace and writes what its client wants: one batch under way at a time, which is the back pressure. */
export class Session implements FakeConnection {
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

  state: 'hello' | 'playing' | 'stalled' | 'silent' | 'ended' = 'playing'
  filter: JetstreamFilter
  /** The place of the next row to look at. */
  #place: number
  /** At the tail once: from here on the outbox is bounded. */
  #live: boolean
  /** Rows to leave out, as a fault wants it; they may be still to come. */
  #toSkip = 0
  /** A batch is on its way to the network. */
  #writing = false
  /** The legacy server fills the outbox while it waits for a hello, with the filter of the URL. */
  #before: { readonly end: number; readonly filter: JetstreamFilter } | undefined
  readonly #timers: NodeJS.Timeout[] = []

  constructor(
    attempt: FakeAttempt,
    readonly ws: WebSocket,
    readonly socket: Socket,
    readonly start: Start,
    readonly shared: Shared,
  ) {
    this.attempt = attempt.attempt
    this.url = attempt.url
    this.params = attempt.params
    this.cursor = attempt.cursor
    this.headers = attempt.headers
    this.startedAt = attempt.startedAt
    this.filter = start.filter
    this.#live = start.place === undefined
    this.#place = start.place ?? shared.log.end
    this.state = start.waitsForHello ? 'hello' : 'playing'
    this.#listen()
    if (start.greeting !== undefined) this.socket.write(this.#frameOf(start.greeting))
  }

  /** Everything in the log went out. */
  get idle(): boolean {
    return this.state !== 'playing' || (!this.#writing && this.#place >= this.shared.log.end)
  }

  /** The first options update came. */
  hello(): void {
    const { log } = this.shared
    if (this.#live && log.options.server === 'legacy') this.#before = { end: log.end, filter: this.start.filter }
    if (this.#live && log.options.server === 'v2') this.#place = log.end
    this.state = 'playing'
    this.pump()
  }

  /** Sends what there is. Called when the log grew, and after each batch. */
  pump(): void {
    if (this.#overrun()) this.end()
    if (this.state !== 'playing' || this.#writing || this.#strike()) return
    if (this.#hasMore()) this.#write(this.#batch())
    else this.shared.changes.changed()
  }

  end(code?: number, reason?: string): void {
    this.state = 'ended'
    if (code === undefined) this.socket.destroy()
    else this.ws.close(code, reason)
  }

  #listen(): void {
    const { ws } = this
    ws.on('error', () => undefined)
    ws.on('ping', () => this.pings++)
    ws.on('pong', () => this.pongs++)
    ws.on('close', (code, reason) => this.#closed(code, reason.toString()))
    const { pingEveryMs } = this.shared.limits
    if (pingEveryMs !== Number.POSITIVE_INFINITY) this.#timers.push(setInterval(() => this.#ping(), pingEveryMs))
  }

  #ping(): void {
    if (this.state === 'playing' || this.state === 'stalled') this.ws.ping()
  }

  #closed(code: number, reason: string): void {
    this.state = 'ended'
    this.closed = { code, reason }
    for (const timer of this.#timers) clearTimeout(timer)
    this.shared.ended(this)
  }

  #hasMore(): boolean {
    if (this.#place < this.shared.log.end) return true
    this.#live = true
    return this.shared.pull()
  }

  /** A burst that the network takes at once is no queue, however long. */
  #overrun(): boolean {
    const waiting = this.state === 'hello' || this.socket.writableLength > 0
    return this.#live && waiting && this.shared.log.end - this.#place > this.shared.limits.outboxEvents
  }

  /** The next rows that the client wants, as few pieces as their neighbourhood allows. */
  #batch(): { readonly pieces: readonly Uint8Array[]; readonly count: number } {
    const { log, faults, sent } = this.shared
    const room = faults.room(sent)
    const frames: Frame[] = []
    this.#place = Math.max(this.#place, log.oldest)
    const stop = Math.min(log.end, this.#place + BATCH_ROWS)
    for (let bytes = 0; this.#place < stop && frames.length < room && bytes < BATCH_BYTES; this.#place++) {
      if (this.#toSkip > 0 && this.#toSkip--) continue
      const frame = this.#wanted(this.#place)
      if (frame === undefined) continue
      frames.push(frame)
      bytes += frame.end - frame.start
    }
    const { packer } = this.start
    return { pieces: packer ? frames.map((frame) => packer.pack(frame)) : joined(frames), count: frames.length }
  }

  #wanted(place: number): Frame | undefined {
    const { log, forms } = this.shared
    const row = log.at(place)
    const filter = this.#filterAt(place)
    if (row === undefined || !wants(filter, row)) return undefined
    const frame = this.start.wire === 'v1' ? forms.v1(row) : forms.v2(row)
    return frame !== undefined && this.#fits(frame, filter.maxMessageSizeBytes) ? frame : undefined
  }

  /** The legacy server measures what it sends, a v2 server the text. */
  #fits(frame: Frame, most: number): boolean {
    if (most === 0) return true
    const { packer } = this.start
    const isPacked = packer !== undefined && this.shared.log.options.server === 'legacy'
    return (isPacked ? packer.pack(frame).length : frame.end - frame.payload) <= most
  }

  #filterAt(place: number): JetstreamFilter {
    return this.#before && place < this.#before.end ? this.#before.filter : this.filter
  }

  #frameOf(text: string): Uint8Array {
    const json = Buffer.from(text)
    return this.start.packer?.packText(json) ?? frameOf(json, 'text')
  }

  #write({ pieces, count }: { readonly pieces: readonly Uint8Array[]; readonly count: number }): void {
    this.sent += count
    this.shared.sent += count
    this.#writing = true
    const overdue = this.#deadline()
    this.socket.cork()
    for (const piece of pieces) this.socket.write(piece)
    this.socket.write('', () => this.#written(overdue))
    this.socket.uncork()
  }

  /** After a turn of the loop: a reader as fast as the writer must not keep everybody else waiting. */
  #written(overdue: NodeJS.Timeout | undefined): void {
    clearTimeout(overdue)
    setImmediate(() => {
      this.#writing = false
      this.pump()
    })
    this.shared.changes.changed()
  }

  /** A write that the reader blocks for too long ends the connection without a close frame. */
  #deadline(): NodeJS.Timeout | undefined {
    const { writeTimeoutMs } = this.shared.limits
    return writeTimeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => this.socket.destroy(), writeTimeoutMs)
  }

  /** Fires what is due; answers whether that ended the sending. */
  #strike(): boolean {
    for (let fault = this.#due(); fault; fault = this.#due()) {
      this.#apply(fault)
      this.shared.changes.changed()
      if (this.state !== 'playing') return true
    }
    return false
  }

  #due(): EventFault | undefined {
    return this.shared.faults.afterEvents(this.shared.sent, this.attempt)
  }

  #apply(fault: EventFault): void {
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
        break
      case 'skip':
        this.#toSkip += fault.events
        break
      case 'repeat':
        this.#place = Math.max(this.shared.log.oldest, this.#place - fault.events)
        break
      case 'error':
        this.#sayWhy(fault.error, fault.message ?? '')
    }
  }

  #sayWhy(error: string, message: string): void {
    this.state = 'ended'
    if (this.start.wire === 'v1') this.socket.destroy()
    else this.socket.end(this.#frameOf(errorFrame(error, message)))
  }

  /** The bytes are still read, or the end of the TCP connection would go unseen; but nobody looks at them. */
  #fallSilent(): void {
    this.state = 'silent'
    this.socket.removeAllListeners('data')
    this.socket.on('data', () => undefined).resume()
  }
}

/** Rows that lie side by side are one piece. */
function joined(rows: readonly Frame[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let index = 0; index < rows.length; ) {
    const first = rows[index++] as Frame
    let last = first
    for (let row = rows[index]; row && row.slab === first.slab && row.start === last.end; row = rows[++index]) last = row
    pieces.push(first.slab.subarray(first.start, last.end))
  }
  return pieces
}

function garbageOf({ frame, as = typeof frame === 'string' ? 'text' : 'binary' }: Extract<EventFault, { do: 'garbage' }>): Uint8Array {
  const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame
  return as === 'raw' ? bytes : frameOf(bytes, as)
}
