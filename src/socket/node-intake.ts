import {
  type createConnection,
  connect as netConnect,
  type Socket,
  type TcpNetConnectOpts,
} from 'node:net'
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls'
import { serverName } from './node-server-name.js'

// A reader that has fallen behind reads this much at once. Pages that are not filled cost nothing.
const BUFFER_BYTES = 1 << 18

/**
 * A TCP or TLS socket that is always read into the same buffer: new memory for each chunk is more
 * than half the cost of receiving. Until a reader is set by {@link take}, the socket emits copies,
 * like any other.
 */
export class Intake {
  #socket: Socket | undefined
  #reader: ((chunk: Buffer) => void) | undefined

  constructor(private readonly isSecure: boolean) {}

  /** Opens the socket, as `ws` opens its own. */
  get connect(): typeof createConnection {
    return ((options: ConnectionOptions & TcpNetConnectOpts) =>
      this.#open(options)) as typeof createConnection
  }

  /** Passes the bytes to `reader` without a copy: it must copy in that call what it keeps. */
  take(reader: (chunk: Buffer) => void): void {
    this.#reader = reader
  }

  /** The bytes go to the stream again. */
  giveBack(): void {
    this.#reader = undefined
  }

  #open(options: ConnectionOptions & TcpNetConnectOpts): Socket {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES),
      callback: (length: number, buffer: Uint8Array) =>
        this.#read(buffer.subarray(0, length) as Buffer),
    }
    // The options have the path of the request, which a socket would take for that of a pipe.
    const opened = { ...options, path: undefined, onread }
    this.#socket = this.isSecure
      ? tlsConnect({ ...opened, servername: serverName(options) } as ConnectionOptions)
      : netConnect(opened as unknown as TcpNetConnectOpts)
    return this.#socket
  }

  /** Returns whether to go on reading: Node may read again although the socket is paused. */
  #read(chunk: Buffer): boolean {
    const socket = this.#socket as Socket
    // Bytes that wait in the stream come first.
    if (this.#reader === undefined || socket.readableLength > 0)
      return socket.push(Buffer.from(chunk))
    this.#reader(chunk)
    return !socket.isPaused()
  }
}
