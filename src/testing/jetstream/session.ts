import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { FakeAttempt } from '../server/fake-connection.js'
import { LogReader, type ReadableLog } from '../server/log-reader.js'
import { type Frame, frameOf, joined } from '../wire/frame-store.js'
import { type JetstreamFilter, wants } from './filter.js'
import type { Forms } from './forms.js'
import type { JetstreamLog, LogEntry } from './log.js'
import { errorFrame } from './translate.js'
import type { Packer } from './zstd.js'

/** What all connections of one server share. */
export interface Shared extends ReadableLog<LogEntry> {
  readonly log: JetstreamLog
  readonly limits: { readonly outboxEvents: number; readonly pingEveryMs: number }
  readonly forms: Forms
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
  /** The connection stands still: these first rows of the log are all that it is sent. */
  readonly mostEvents?: number
  /** Nothing is sent before the first options update. */
  readonly waitsForHello: boolean
}

/** One subscriber of either wire. */
export class Session extends LogReader<LogEntry> {
  filter: JetstreamFilter
  /** The legacy server fills the outbox while it waits for a hello, with the filter of the URL. */
  #before: { readonly end: number; readonly filter: JetstreamFilter } | undefined

  constructor(
    attempt: FakeAttempt,
    ws: WebSocket,
    socket: Socket,
    readonly start: Start,
    override readonly library: Shared,
  ) {
    super(attempt, ws, socket, library, start.place)
    this.filter = start.filter
    this.state = start.waitsForHello ? 'waiting' : 'open'
    this.#pingRegularly()
    if (start.greeting !== undefined) this.socket.write(this.#frameOf(start.greeting))
  }

  /** The first options update came. */
  hello(): void {
    const { log } = this.library
    if (this.live && log.options.server === 'legacy')
      this.#before = { end: log.end, filter: this.start.filter }
    if (this.live && log.options.server === 'v2') this.place = log.end
    this.state = 'open'
    this.pump()
  }

  /** A burst that the network takes at once is no queue, however long. */
  protected override overrun(): boolean {
    const waiting = this.state === 'waiting' || this.socket.writableLength > 0
    return waiting && this.behind > this.library.limits.outboxEvents
  }

  protected override cutOff(): void {
    this.end()
  }

  protected override frameAt(place: number): Frame | undefined {
    const { log, forms } = this.library
    const row = log.at(place)
    const filter = this.#filterAt(place)
    const { mostEvents = Number.POSITIVE_INFINITY } = this.start
    if (
      row === undefined ||
      log.isRemoved(row) ||
      place - log.oldest >= mostEvents ||
      !wants(filter, row)
    )
      return undefined
    const frame = this.start.wire === 'v1' ? forms.v1(row) : forms.v2(row)
    return frame !== undefined && this.#fits(frame, filter.maxMessageSizeBytes) ? frame : undefined
  }

  protected override bytesOf(frames: readonly Frame[]): readonly Uint8Array[] {
    const { packer } = this.start
    return packer ? frames.map((frame) => packer.pack(frame)) : joined(frames)
  }

  protected override sayWhy(error: string, message: string): void {
    this.state = 'ended'
    if (this.start.wire === 'v1') this.socket.destroy()
    else this.socket.end(this.#frameOf(errorFrame(error, message)))
  }

  #pingRegularly(): void {
    const { pingEveryMs } = this.library.limits
    if (pingEveryMs === Number.POSITIVE_INFINITY) return
    const timer = setInterval(() => this.#ping(), pingEveryMs)
    this.ws.on('close', () => clearInterval(timer))
  }

  #ping(): void {
    if (this.state === 'open' || this.state === 'stalled') this.ws.ping()
  }

  /** The legacy server measures what it sends, a v2 server the text. */
  #fits(frame: Frame, most: number): boolean {
    if (most === 0) return true
    const { packer } = this.start
    const isPacked = packer !== undefined && this.library.log.options.server === 'legacy'
    return (isPacked ? packer.pack(frame).length : frame.end - frame.payload) <= most
  }

  #filterAt(place: number): JetstreamFilter {
    return this.#before && place < this.#before.end ? this.#before.filter : this.filter
  }

  #frameOf(text: string): Uint8Array {
    const json = Buffer.from(text)
    return this.start.packer?.packText(json) ?? frameOf(json, 'text')
  }
}
