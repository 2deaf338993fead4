import { StreamError } from '../../src/errors.js'
import type { Frame } from '../../src/socket/frame.js'
import { LargeFrame } from '../../src/socket/large-frame.js'
import { dial } from '../../src/socket/node.js'
import { type Connection, type DialOptions, READ_END } from '../../src/socket/socket.js'
import { TextBytes } from '../../src/socket/text-bytes.js'
import { Changes } from '../../src/testing/server/changes.js'

/** One dial of a spec, with all that came of it. */
export class Dialling implements Disposable {
  readonly frames: Frame[] = []
  /** Messages above the bound, of which the beginning was handed out. */
  readonly large: LargeFrame[] = []
  connection: Connection | undefined
  error: StreamError | undefined
  /** How many frames had come at the last end of a read. */
  endedReads = 0
  /** How many frames were text as bytes. */
  asBytes = 0
  onConnection: (connection: Connection) => void = () => undefined
  onFrame: (frame: Frame) => void = () => undefined
  onLarge: () => void = () => undefined
  readonly #changes = new Changes()
  readonly #subscription

  constructor(url: string, options: Partial<DialOptions> = {}) {
    this.#subscription = dial({
      connectTimeoutMs: 5000,
      maxFrameBytes: 1_000_000,
      headers: {},
      ...options,
      url,
    }).subscribe({
      next: (connection) => this.#opened(connection),
      error: (error: unknown) => {
        if (!(error instanceof StreamError)) throw error
        this.error = error
        this.#changes.notify()
      },
    })
  }

  async opened(): Promise<Connection> {
    await this.#changes.when(() => this.connection !== undefined || this.error !== undefined)
    if (this.connection === undefined) throw this.error
    return this.connection
  }

  async received(count: number): Promise<readonly Frame[]> {
    await this.#changes.when(() => this.frames.length >= count || this.error !== undefined)
    return this.frames
  }

  async readEnded(count: number): Promise<void> {
    await this.#changes.when(() => this.endedReads >= count || this.error !== undefined)
  }

  async passedOver(count: number): Promise<readonly LargeFrame[]> {
    await this.#changes.when(() => this.large.length >= count || this.error !== undefined)
    return this.large
  }

  async ended(): Promise<StreamError> {
    await this.#changes.when(() => this.error !== undefined)
    return this.error as StreamError
  }

  unsubscribe(): void {
    this.#subscription.unsubscribe()
  }

  [Symbol.dispose](): void {
    this.unsubscribe()
  }

  #opened(connection: Connection): void {
    this.connection = connection
    this.onConnection(connection)
    connection.frames$.subscribe((received) => {
      if (received === READ_END) {
        this.endedReads = this.frames.length
        this.#changes.notify()
        return
      }
      if (received instanceof LargeFrame) {
        this.large.push(received)
        this.onLarge()
        this.#changes.notify()
        return
      }
      if (received instanceof TextBytes) this.asBytes += 1
      const frame = received instanceof TextBytes ? received.toFrame() : received
      this.frames.push(frame)
      this.onFrame(frame)
      this.#changes.notify()
    })
    this.#changes.notify()
  }
}
