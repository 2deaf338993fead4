import {
  type createConnection,
  isIP,
  connect as netConnect,
  type Socket,
  type TcpNetConnectOpts,
} from 'node:net'
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls'

// A reader that is behind finds so much in one go; memory that it does not fill is never touched.
const BUFFER_BYTES = 1 << 18

/**
 * A TCP or TLS socket that is read into one buffer, again and again: fresh memory for each chunk is
 * more than half of what receiving costs. Until somebody {@link take}s the bytes from where they
 * lie, the socket is as any other, and gives copies.
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

  /**
   * Hands `reader` the bytes where they lie: what it keeps of a chunk it has to copy in that call.
   */
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
    // HTTP's path is here; to a socket it would be that of a pipe.
    const opened = { ...options, path: undefined, onread }
    // RFC 6066 section 3: an address is no server name.
    const servername = options.servername ?? (isIP(options.host ?? '') ? '' : options.host)
    this.#socket = this.isSecure
      ? tlsConnect({ ...opened, servername } as ConnectionOptions)
      : netConnect(opened as unknown as TcpNetConnectOpts)
    return this.#socket
  }

  /**
   * Whether to go on reading: Node reads again after some calls also where the socket is paused.
   */
  #read(chunk: Buffer): boolean {
    const socket = this.#socket as Socket
    // Nothing overtakes what waits in the stream.
    if (this.#reader === undefined || socket.readableLength > 0)
      return socket.push(Buffer.from(chunk))
    this.#reader(chunk)
    return !socket.isPaused()
  }
}
