import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { NEVER, Observable, of, type Subscriber } from 'rxjs'
import WebSocket from 'ws'
import { ConnectionClosedError, ConnectTimeoutError, type StreamError } from '../errors.js'
import type { Frame } from './frame.js'
import { LargeFrame } from './large-frame.js'
import { routeFor } from './node-connect.js'
import { failureOf, open, readRefusal } from './node-handshake.js'
import { Intake } from './node-intake.js'
import { type Connection, type Dial, type DialOptions, READ_END, type Received } from './socket.js'
import { copyOf, type SliceableBytes, TextBytes, textFrame } from './text-bytes.js'
import { WholeFrames } from './whole-frames.js'

/** What `browser.ts` is. */
export const IN_BROWSER: boolean = false

/** Yields where a wait for the next dial should end: in a page that is back online. */
export const wake$: Observable<unknown> = NEVER

/** Yields when a request can succeed: here at once, in a page when it is online. */
export const reachable = (_: string): Observable<unknown> => of(undefined)

export const dial: Dial = (options) => new Observable((subscriber) => connect(options, subscriber))

function connect(options: DialOptions, subscriber: Subscriber<Connection>): () => void {
  const url = new URL(options.url)
  const intake = new Intake(url.protocol === 'wss:')
  const route = routeFor(url, options.agent, intake)
  const socket = open(options, route)
  const connection = new NodeConnection(socket, options, intake)
  let failure: StreamError | undefined

  const end = (error: StreamError) => {
    clearTimeout(deadline)
    subscriber.error(error)
  }
  // Replaced once an answer begins: its status counts even if its body never ends.
  let giveUp = () =>
    end(
      new ConnectTimeoutError(
        `no handshake within \`connectTimeoutMs\` (${options.connectTimeoutMs} ms)`,
      ),
    )
  const deadline = setTimeout(() => giveUp(), options.connectTimeoutMs)

  socket.once('open', () => {
    clearTimeout(deadline)
    subscriber.next(connection)
  })
  socket.once('unexpected-response', (_request: ClientRequest, response: IncomingMessage) => {
    giveUp = readRefusal(response, end, route, url)
  })
  socket.on('error', (error: Error & { code?: string }) => {
    failure = failureOf(error, connection.opened, options, route)
    if (!connection.opened) end(failure)
  })
  socket.once('close', (code: number, reason: Buffer) => {
    end(failure ?? new ConnectionClosedError(code, reason.toString('utf8')))
  })
  return () => {
    clearTimeout(deadline)
    route.abandon()
    connection.close()
  }
}

class NodeConnection implements Connection {
  bytes = 0
  heard = 0
  pieces = 0
  opened = false
  heardAt: number | undefined
  // The clock is read once a chunk of the socket, not once a message: that costs as much as a
  // delivery.
  #hasTime = false
  readonly canPause = true
  #reader: Subscriber<Received | typeof READ_END> | undefined
  // A single reader: a Subject copies its list of observers, and makes two calls, for each frame.
  readonly frames$ = new Observable<Received | typeof READ_END>((reader) => {
    this.#reader = reader
  })
  // Frames that had been read when `pause()` was called: of one chunk of the socket, or the part of
  // it that TLS had decrypted.
  readonly #backlog: (Frame | LargeFrame)[] = []
  #paused = false
  #closed = false
  // Messages of one read are being delivered; `ws` may deliver one among them.
  #isReading = false

  constructor(
    private readonly socket: WebSocket,
    private readonly options: DialOptions,
    private readonly intake: Intake,
  ) {
    const heard = () => {
      this.heard += 1
    }
    let tcp: Socket | undefined
    socket.once('upgrade', (response) => {
      tcp = response.socket
    })
    socket.once('open', () => {
      this.opened = true
      if (tcp !== undefined) this.#takeWholeFrames(tcp)
    })
    socket.on('message', (data: SliceableBytes, isBinary) => {
      this.#receive(data, 0, data.length, isBinary)
      if (!this.#isReading) this.#tellReadEnd()
    })
    socket.on('ping', heard)
    socket.on('pong', heard)
  }

  send(text: string): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text)
  }

  ping(): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.ping()
  }

  pause(): void {
    this.#paused = true
    if (this.socket.readyState === WebSocket.OPEN) this.socket.pause()
  }

  resume(): void {
    this.#paused = false
    // Not in this call, which may come from a handler of the frame that is being delivered.
    queueMicrotask(() => this.#drain())
  }

  close(): void {
    this.#closed = true
    this.#backlog.length = 0
    this.socket.removeAllListeners()
    // A socket that is closed while it connects emits an error, which would be uncaught.
    this.socket.on('error', () => {})
    if (!this.opened) this.socket.terminate()
    // Not in this call: the delivery of the event that ends the subscription finishes when the call
    // returns, and its ack is sent first.
    else queueMicrotask(() => this.#sayGoodbye())
  }

  #sayGoodbye(): void {
    this.socket.resume()
    this.socket.close(1000)
  }

  /**
   * Reads the socket in front of `ws`, which still does the handshake, the closing, and all frames
   * that are neither whole in a chunk nor gathered.
   */
  #takeWholeFrames(tcp: Socket): void {
    const [feed, ...others] = tcp.listeners('data')
    // Another version of `ws` with other listeners does everything itself.
    if (feed === undefined || others.length > 0) {
      tcp.on('data', () => {
        this.heard += 1
      })
      return
    }
    const leave = () => {
      tcp.off('data', read).off('close', close)
      this.intake.giveBack()
      tcp.on('data', feed as (chunk: Buffer) => void)
    }
    const close = () => {
      tcp.off('data', read)
      // What a paused socket still holds. `ws` would read it, but does not have the beginning of a
      // message that is being gathered.
      // All of it: without a length, Node 26 gives one chunk.
      const rest: Buffer | null = tcp.readableLength > 0 ? tcp.read(tcp.readableLength) : null
      if (rest !== null) {
        frames.read(rest)
        this.#tellReadEnd()
      }
      leave()
    }
    const visit = (chunk: Buffer, from: number, to: number, isBinary: boolean) =>
      this.#receive(chunk as Buffer & SliceableBytes, from, to, isBinary)
    const visitLarge = (head: Buffer, length: number, isBinary: boolean) =>
      this.#receiveLarge(head, length, isBinary)
    const { maxFrameBytes, skipsLargeFrames } = this.options
    const pass = (bytes: Buffer) => feed.call(tcp, Buffer.from(bytes))
    const frames = new WholeFrames(
      maxFrameBytes,
      visit,
      pass,
      leave,
      skipsLargeFrames ? visitLarge : undefined,
    )
    const read = (chunk: Buffer) => {
      this.#isReading = true
      frames.read(chunk)
      this.#isReading = false
      this.#tellReadEnd()
      if (!frames.isAmidst) return
      // Each piece of a frame is a sign of life, since no pong can come between its bytes: the
      // frame may take longer than `idleTimeoutMs`.
      this.heard += 1
      this.pieces += 1
    }
    tcp.off('data', feed as (chunk: Buffer) => void).on('data', read)
    this.intake.take(read)
    tcp.prependListener('close', close)
  }

  #receiveLarge(head: Buffer, length: number, isBinary: boolean): void {
    if (this.#closed) return
    this.heard += 1
    this.bytes += length
    const frame = new LargeFrame(isBinary ? head : head.toString('utf8'), length)
    if (this.#paused || this.#backlog.length > 0) this.#backlog.push(frame)
    else this.#reader?.next(frame)
  }

  #receive(chunk: SliceableBytes, from: number, to: number, isBinary: boolean): void {
    if (this.#closed) return
    this.heard += 1
    this.bytes += to - from
    if (!this.#hasTime) this.#readClock()
    if (this.#paused || this.#backlog.length > 0)
      this.#backlog.push(frameOf(chunk, from, to, isBinary))
    else this.#reader?.next(this.#handOut(chunk, from, to, isBinary))
  }

  #tellReadEnd(): void {
    if (this.options.tellsReadEnd && !this.#closed) this.#reader?.next(READ_END)
  }

  /** A frame for its reader, in this call. */
  #handOut(chunk: SliceableBytes, from: number, to: number, isBinary: boolean): Frame | TextBytes {
    const { textAsBytes, binaryInPlace } = this.options
    if (isBinary && binaryInPlace) return chunk.subarray(from, to)
    if (!isBinary && textAsBytes) return new TextBytes(chunk, from, to)
    return frameOf(chunk, from, to, isBinary)
  }

  #readClock(): void {
    this.heardAt = Date.now()
    this.#hasTime = true
    queueMicrotask(() => {
      this.#hasTime = false
    })
  }

  #drain(): void {
    let taken = 0
    while (taken < this.#backlog.length && !this.#paused && !this.#closed) {
      const frame = this.#backlog[taken] as Frame | LargeFrame
      taken += 1
      this.#reader?.next(frame)
    }
    this.#backlog.splice(0, taken)
    if (taken > 0) this.#tellReadEnd()
    if (!this.#paused && !this.#closed && this.socket.isPaused) this.socket.resume()
  }
}

/** A frame that can be kept: a copy, not a part of the chunk that it came in. */
const frameOf = (chunk: SliceableBytes, from: number, to: number, isBinary: boolean): Frame =>
  isBinary ? copyOf(chunk, from, to) : textFrame(chunk, from, to)
