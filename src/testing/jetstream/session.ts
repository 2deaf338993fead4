import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { FakeAttempt } from '../server/fake-connection.js'
import { LogReader, type LogServer } from '../server/log-reader.js'
import { type Frame, frameOf, joined } from '../wire/frame-store.js'
import { type JetstreamFilter, wants } from './filter.js'
import type { JetstreamLog, JetstreamRow } from './log.js'
import { jsonErrorFrame } from './translate.js'
import type { WireFrames } from './wire-frames.js'
import type { FrameCompressor } from './zstd.js'

/** What all connections of one server share. */
export interface SessionServer extends LogServer<JetstreamRow> {
  readonly log: JetstreamLog
  readonly limits: { readonly outboxEvents: number; readonly pingEveryMs: number }
  readonly forms: WireFrames
}

/** How a connection begins. */
export interface SessionStart {
  readonly filter: JetstreamFilter
  /** The position in the log; `undefined` for the live tail. */
  readonly position: number | undefined
  readonly wire: 'v1' | 'v2'
  /** For a client that asked for zstd. */
  readonly compressor?: FrameCompressor | undefined
  /** The first frame to send. */
  readonly greeting?: string | undefined
  /** For a stand-still: how many of the oldest rows are sent. */
  readonly mostEvents?: number
  /** Nothing is sent before the first options update. */
  readonly waitsForUpdate: boolean
}

/** One subscriber of either wire. */
export class Session extends LogReader<JetstreamRow> {
  filter: JetstreamFilter
  /** The legacy server fills the outbox while it waits for an update, with the URL's filter. */
  #before: { readonly end: number; readonly filter: JetstreamFilter } | undefined

  constructor(
    attempt: FakeAttempt,
    ws: WebSocket,
    socket: Socket,
    readonly start: SessionStart,
    override readonly server: SessionServer,
  ) {
    super(attempt, ws, socket, server, start.position)
    this.filter = start.filter
    this.state = start.waitsForUpdate ? 'waiting' : 'open'
    this.#pingRegularly()
    if (start.greeting !== undefined) this.socket.write(this.#frameOf(start.greeting))
  }

  /** Called for the first options update. */
  onFirstUpdate(): void {
    const { log } = this.server
    if (this.live && log.options.server === 'legacy')
      this.#before = { end: log.end, filter: this.start.filter }
    if (this.live && log.options.server === 'v2') this.position = log.end
    this.state = 'open'
    this.pump()
  }

  /** A burst that the network takes at once is not a queue, however long it is. */
  protected override isTooFarBehind(): boolean {
    const waiting = this.state === 'waiting' || this.socket.writableLength > 0
    return waiting && this.behind > this.server.limits.outboxEvents
  }

  protected override endTooSlow(): void {
    this.end()
  }

  protected override frameAt(position: number): Frame | undefined {
    const { log, forms } = this.server
    const row = log.at(position)
    const filter = this.#filterAt(position)
    const { mostEvents = Number.POSITIVE_INFINITY } = this.start
    if (
      row === undefined ||
      log.isRemoved(row) ||
      position - log.oldest >= mostEvents ||
      !wants(filter, row)
    )
      return undefined
    const frame = this.start.wire === 'v1' ? forms.v1(row) : forms.v2(row)
    return frame !== undefined && this.#fits(frame, filter.maxMessageSizeBytes) ? frame : undefined
  }

  protected override bytesOf(frames: readonly Frame[]): readonly Uint8Array[] {
    const { compressor } = this.start
    return compressor ? frames.map((frame) => compressor.compressFrame(frame)) : joined(frames)
  }

  protected override endWithError(error: string, message: string): void {
    this.state = 'ended'
    if (this.start.wire === 'v1') this.socket.destroy()
    else this.socket.end(this.#frameOf(jsonErrorFrame(error, message)))
  }

  #pingRegularly(): void {
    const { pingEveryMs } = this.server.limits
    if (pingEveryMs === Number.POSITIVE_INFINITY) return
    const timer = setInterval(() => this.#ping(), pingEveryMs)
    this.ws.on('close', () => clearInterval(timer))
  }

  #ping(): void {
    if (this.state === 'open' || this.state === 'stalled') this.ws.ping()
  }

  /** The legacy server measures the compressed bytes, a v2 server the text. */
  #fits(frame: Frame, most: number): boolean {
    if (most === 0) return true
    const { compressor } = this.start
    const isPacked = compressor !== undefined && this.server.log.options.server === 'legacy'
    return (isPacked ? compressor.compressFrame(frame).length : frame.end - frame.payload) <= most
  }

  #filterAt(position: number): JetstreamFilter {
    return this.#before && position < this.#before.end ? this.#before.filter : this.filter
  }

  #frameOf(text: string): Uint8Array {
    const json = Buffer.from(text)
    return this.start.compressor?.compressText(json) ?? frameOf(json, 'text')
  }
}
