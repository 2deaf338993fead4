import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { FakeAttempt } from '../server/fake-connection.js'
import { LogReader, type ReadableLog } from '../server/log-reader.js'
import { type Frame, frameOf } from '../wire/frame-store.js'
import { errorFrame } from './firehose-message.js'
import type { ServerStyle, StreamStart } from './server-style.js'
import type { StreamLog, StreamRow } from './stream-log.js'

/** What all readers of one stream share. */
export interface StreamReadableLog extends ReadableLog<StreamRow> {
  readonly log: StreamLog<never>
  readonly manners: ServerStyle
}

/** How long a relay tries to get its last words out. */
const LAST_WORDS_MS = 5_000

/** One subscriber. */
export class SubscriptionReader extends LogReader<StreamRow> {
  readonly #timers: NodeJS.Timeout[] = []
  #sentAtTick = 0

  constructor(
    attempt: FakeAttempt,
    ws: WebSocket,
    socket: Socket,
    override readonly library: StreamReadableLog,
    { place, greeting, swallows }: StreamStart,
  ) {
    super(attempt, ws, socket, library, place)
    if (swallows) this.toSkip = 1
    if (greeting) socket.write(frameOf(greeting, 'binary'))
    const { pingEveryMs } = library.manners
    if (pingEveryMs !== Number.POSITIVE_INFINITY)
      this.#timers.push(setInterval(() => this.#pingIfIdle(), pingEveryMs))
    ws.on('close', () => this.#timers.forEach(clearTimeout))
  }

  /** An error frame, and the end that follows it. */
  override sayWhy(error: string, message: string): void {
    this.state = 'ended'
    const frame = frameOf(errorFrame(error, message), 'binary')
    if (this.library.manners.closesAfterError) {
      this.socket.write(frame)
      this.ws.close(1008, error)
      return
    }
    this.socket.end(frame)
    this.#timers.push(setTimeout(() => this.socket.destroy(), LAST_WORDS_MS))
  }

  protected override overrun(): boolean {
    const { bufferEvents, cutsBursts } = this.library.manners
    return this.behind > bufferEvents && (cutsBursts || this.socket.writableLength > 0)
  }

  protected override cutOff(): void {
    this.sayWhy('ConsumerTooSlow', 'Stream consumer too slow')
    this.library.fellOut()
  }

  /** What a later row replaced is missing in a replay alone. */
  protected override frameAt(place: number): Frame | undefined {
    const { log } = this.library
    const row = log.at(place)
    return row !== undefined && !this.live && log.isReplaced(row) ? undefined : row
  }

  #pingIfIdle(): void {
    if ((this.state === 'open' || this.state === 'stalled') && this.sent === this.#sentAtTick)
      this.ws.ping()
    this.#sentAtTick = this.sent
  }
}
