import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { type Frame, joined } from '../wire/frame-store.js'
import type { Changes } from './changes.js'
import { ServedConnection } from './connection.js'
import type { FakeAttempt } from './fake-connection.js'
import type { EventFault, FaultPlan } from './faults.js'
import type { LogRowBase, RetainedLog } from './retained-log.js'

/** What all readers of one log share with their server. */
export interface LogServer<R extends LogRowBase> {
  readonly log: RetainedLog<R>
  readonly faults: FaultPlan
  readonly changes: Changes
  readonly writeTimeoutMs: number
  sent: number
  /**
   * Appends more of the script for a reader at the tail. Returns whether there was any.
   */
  pull(): boolean
  /** A reader has gone: readers that were held back for it may go on. */
  onReaderLeft(): void
}

const BATCH_BYTES = 256 * 1024
const BATCH_ROWS = 8192

/**
 * Reads the log at its own pace and writes what its client wants. One batch is under way at a time:
 * that is the backpressure.
 */
export abstract class LogReader<R extends LogRowBase> extends ServedConnection {
  /** The position of the next row to look at. */
  protected position: number
  /** Has been at the tail: from then on the server bounds what waits for this reader. */
  protected live: boolean
  /** How many rows to leave out, also of those that are not in the log yet. */
  protected toSkip = 0
  /** A batch is on its way to the network. */
  #writing = false

  constructor(
    attempt: FakeAttempt,
    ws: WebSocket,
    socket: Socket,
    readonly server: LogServer<R>,
    position: number | undefined,
  ) {
    super(attempt, ws, socket)
    this.live = position === undefined
    this.position = position ?? server.log.end
  }

  /** Everything in the log has been sent. */
  get idle(): boolean {
    return this.state !== 'open' || (!this.#writing && this.position >= this.server.log.end)
  }

  /** How many rows wait for a live reader. */
  get behind(): number {
    return this.live ? this.server.log.end - this.position : 0
  }

  /** Sends what is in the log. Called when the log has grown, and after each batch. */
  pump(): void {
    if ((this.state === 'open' || this.state === 'waiting') && this.isTooFarBehind())
      this.endTooSlow()
    if (this.state !== 'open' || this.#writing || this.#applyFaults()) return
    if (this.#hasMore()) this.#write(this.#batch())
    else this.server.changes.notify()
  }

  /** Whether more rows wait for this reader than the server allows. */
  protected abstract isTooFarBehind(): boolean

  /** Ends a reader that is too slow. */
  protected abstract endTooSlow(): void

  /** The frame of a row; `undefined` if the client does not want it. */
  protected abstract frameAt(position: number): Frame | undefined

  /** Sends the reason, then ends the connection. */
  protected abstract endWithError(error: string, message: string): void

  /** The bytes to write for some frames. */
  protected bytesOf(frames: readonly Frame[]): readonly Uint8Array[] {
    return joined(frames)
  }

  #hasMore(): boolean {
    if (this.position < this.server.log.end) return true
    this.live = true
    return this.server.pull()
  }

  /** The next frames that the client wants. */
  #batch(): readonly Frame[] {
    const { log, faults, sent } = this.server
    const room = faults.room(sent)
    const frames: Frame[] = []
    this.position = Math.max(this.position, log.oldest)
    const stop = Math.min(log.end, this.position + BATCH_ROWS)
    for (
      let bytes = 0;
      this.position < stop && frames.length < room && bytes < BATCH_BYTES;
      this.position++
    ) {
      if (this.toSkip > 0 && this.toSkip--) continue
      const frame = this.frameAt(this.position)
      if (frame === undefined) continue
      frames.push(frame)
      bytes += frame.end - frame.start
    }
    return frames
  }

  #write(frames: readonly Frame[]): void {
    this.sent += frames.length
    this.server.sent += frames.length
    this.#writing = true
    const overdue = this.#deadline()
    this.socket.cork()
    for (const piece of this.bytesOf(frames)) this.socket.write(piece)
    this.socket.write('', () => this.#written(overdue))
    this.socket.uncork()
  }

  /**
   * Goes on after a turn of the event loop, so that one fast reader does not starve the others.
   */
  #written(overdue: NodeJS.Timeout | undefined): void {
    clearTimeout(overdue)
    setImmediate(() => {
      this.#writing = false
      this.pump()
    })
    this.server.changes.notify()
  }

  /** Ends the connection, without a close frame, if the client blocks a write for too long. */
  #deadline(): NodeJS.Timeout | undefined {
    const { writeTimeoutMs } = this.server
    return writeTimeoutMs === Number.POSITIVE_INFINITY
      ? undefined
      : setTimeout(() => this.socket.destroy(), writeTimeoutMs)
  }

  /** Applies the faults that are due. Returns whether sending has ended. */
  #applyFaults(): boolean {
    for (let fault = this.#due(); fault; fault = this.#due()) {
      this.#apply(fault)
      this.server.changes.notify()
      if (this.state === 'open') continue
      this.server.onReaderLeft()
      return true
    }
    return false
  }

  #due(): EventFault | undefined {
    return this.server.faults.afterEvents(this.server.sent, this.attempt)
  }

  #apply(fault: EventFault): void {
    switch (fault.do) {
      case 'skip':
        this.toSkip += fault.events
        break
      case 'repeat':
        this.position = Math.max(this.server.log.oldest, this.position - fault.events)
        break
      case 'error':
        this.endWithError(fault.error, fault.message ?? '')
        break
      default:
        this.fail(fault)
    }
  }
}
