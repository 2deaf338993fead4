import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { FakeAttempt } from '../server/fake-connection.js'
import { LogReader, type LogServer } from '../server/log-reader.js'
import { type Frame, frameOf } from '../wire/frame-store.js'
import { cborErrorFrame } from './firehose-message.js'
import type { StreamLog, StreamRow } from './log.js'
import type { ServerStyle, StreamStart } from './style.js'

/** What all readers of one stream share with their server. */
export interface StreamLogServer extends LogServer<StreamRow> {
  readonly log: StreamLog<never>
  readonly style: ServerStyle
}

/** How long a relay tries to send its last frame. */
const LAST_WORDS_MS = 5_000

/** One subscriber. */
export class EventStreamReader extends LogReader<StreamRow> {
  readonly #timers: NodeJS.Timeout[] = []
  #sentAtTick = 0

  constructor(
    attempt: FakeAttempt,
    ws: WebSocket,
    socket: Socket,
    override readonly server: StreamLogServer,
    { position, greeting, losesFirst: swallows }: StreamStart,
  ) {
    super(attempt, ws, socket, server, position)
    if (swallows) this.toSkip = 1
    if (greeting) socket.write(frameOf(greeting, 'binary'))
    const { pingEveryMs } = server.style
    if (pingEveryMs !== Number.POSITIVE_INFINITY)
      this.#timers.push(setInterval(() => this.#pingIfIdle(), pingEveryMs))
    ws.on('close', () => this.#timers.forEach(clearTimeout))
  }

  /** Sends an error frame, then ends the connection. */
  override endWithError(error: string, message: string): void {
    this.state = 'ended'
    const frame = frameOf(cborErrorFrame(error, message), 'binary')
    if (this.server.style.closesAfterError) {
      this.socket.write(frame)
      this.ws.close(1008, error)
      return
    }
    this.socket.end(frame)
    this.#timers.push(setTimeout(() => this.socket.destroy(), LAST_WORDS_MS))
  }

  protected override isTooFarBehind(): boolean {
    const { bufferEvents, cutsBursts } = this.server.style
    return this.behind > bufferEvents && (cutsBursts || this.socket.writableLength > 0)
  }

  protected override endTooSlow(): void {
    this.endWithError('ConsumerTooSlow', 'Stream consumer too slow')
    this.server.onReaderLeft()
  }

  /** Rows that were replaced are left out of a replay, and only there. */
  protected override frameAt(position: number): Frame | undefined {
    const { log } = this.server
    const row = log.at(position)
    return row !== undefined && !this.live && log.isReplaced(row) ? undefined : row
  }

  #pingIfIdle(): void {
    if ((this.state === 'open' || this.state === 'stalled') && this.sent === this.#sentAtTick)
      this.ws.ping()
    this.#sentAtTick = this.sent
  }
}
