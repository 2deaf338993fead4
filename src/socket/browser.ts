import { Observable, Subject, type Subscriber, switchMap } from 'rxjs'
import {
  ConnectError,
  ConnectionClosedError,
  ConnectTimeoutError,
  FrameTooLargeError,
  type StreamError,
} from '../errors.js'
import { lost, reachable } from './browser-network.js'
import type { Frame } from './frame.js'
import { HEAD_BYTES, LargeFrame } from './large-frame.js'
import type { Connection, Dial, DialOptions } from './socket.js'

/** Whether the socket is a browser's: no headers, no ping, and deflate is always offered. */
export const IN_BROWSER: boolean = true

export { reachable, wake$ } from './browser-network.js'

/**
 * The browser's own WebSocket. It cannot set headers, cannot ping, cannot stop reading, and does
 * not say why a handshake failed: a refusal is a {@link ConnectError}. While the page is offline
 * nothing is dialled.
 */
export const dial: Dial = (options) =>
  reachable(options.url).pipe(
    switchMap(() => new Observable<Connection>((subscriber) => connect(options, subscriber))),
  )

// RFC 6455 section 7.1.5: no close frame was received.
const NEVER_CLOSED = 1006

function connect(options: DialOptions, subscriber: Subscriber<Connection>): () => void {
  const socket = new WebSocket(
    options.url,
    options.subprotocol === undefined ? [] : [options.subprotocol],
  )
  socket.binaryType = 'arraybuffer'
  const connection = new BrowserConnection(socket)
  let opened = false

  const end = (error: StreamError) => {
    clearTimeout(deadline)
    subscriber.error(error)
  }
  const deadline = setTimeout(() => {
    end(
      new ConnectTimeoutError(
        `no handshake within \`connectTimeoutMs\` (${options.connectTimeoutMs} ms)`,
      ),
    )
  }, options.connectTimeoutMs)

  socket.onopen = () => {
    opened = true
    clearTimeout(deadline)
    subscriber.next(connection)
  }
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    const size = typeof data === 'string' ? data.length : data.byteLength
    const frame = typeof data === 'string' ? data : new Uint8Array(data)
    if (size <= options.maxFrameBytes) connection.receive(frame, size)
    // The whole message is in memory already: before that, only the browser's own bound applies.
    else if (options.skipsLargeFrames)
      connection.receive(new LargeFrame(frame.slice(0, HEAD_BYTES), size), size)
    else
      end(
        new FrameTooLargeError(
          `a frame is larger than \`maxFrameBytes\` (${options.maxFrameBytes})`,
        ),
      )
  }
  const refused = () => end(new ConnectError('no connection; a browser does not say why'))
  socket.onclose = ({ code, reason }) => {
    if (opened) end(new ConnectionClosedError(code, reason))
    else refused()
  }
  // Browsers emit `close` after an error; Node's own WebSocket (20.20) does not when a handshake is
  // refused.
  socket.onerror = () => {
    if (!opened) refused()
  }
  const losses = lost(options.url).subscribe(() => {
    if (opened) end(new ConnectionClosedError(NEVER_CLOSED, 'the page is away from the network'))
  })
  return () => {
    losses.unsubscribe()
    clearTimeout(deadline)
    socket.onopen = null
    socket.onmessage = null
    socket.onclose = null
    socket.onerror = null
    socket.close(1000)
  }
}

class BrowserConnection implements Connection {
  bytes = 0
  heard = 0
  readonly canPause = false
  readonly frames$ = new Subject<Frame | LargeFrame>()

  constructor(private readonly socket: WebSocket) {}

  receive(frame: Frame | LargeFrame, size: number): void {
    this.heard += 1
    this.bytes += size
    this.frames$.next(frame)
  }

  send(text: string): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text)
  }

  // Absent on purpose: the browser has none of these. A connection that cannot pause is closed, and
  // resumes by its cursor.
  ping(): void {}
  pause(): void {}
  resume(): void {}
}
