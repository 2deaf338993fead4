import type { Observable } from 'rxjs'
import type { StreamError } from '../errors.js'
import type { HttpAgent } from '../options/agent.js'
import type { Frame } from './frame.js'
import type { LargeFrame } from './large-frame.js'
import type { TextBytes } from './text-bytes.js'

export interface DialOptions {
  readonly url: string
  /** From DNS to the end of the handshake. */
  readonly connectTimeoutMs: number
  readonly maxFrameBytes: number
  /** Not in browsers. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Opens the connection. Not in browsers.
   * @default a proxy that the environment names, or none
   */
  readonly agent?: HttpAgent | undefined
  readonly subprotocol?: string | undefined
  /**
   * Deliver text as `TextBytes`, for readers that read bytes faster than strings. A socket without
   * bytes delivers strings.
   * @default false
   */
  readonly textAsBytes?: boolean | undefined
  /**
   * Deliver binary frames without a copy, to be read in the call that delivers them; else they are
   * copies.
   * @default false
   */
  readonly binaryInPlace?: boolean | undefined
  /**
   * Deliver the beginning of a message above `maxFrameBytes`, and go on. Else such a message ends
   * the connection.
   * @default false
   */
  readonly skipsLargeFrames?: boolean | undefined
  /**
   * Deliver {@link READ_END} when all messages of one read of the socket are delivered.
   * @default false
   */
  readonly tellsReadEnd?: boolean | undefined
  /**
   * Told by a connection that is open, and waits before it asks its server again: why, for how many
   * milliseconds, and which failure in a row that is. `undefined` once it goes on.
   */
  readonly waits?: ((wait: Wait | undefined) => void) | undefined
}

/** An open connection waits, such as for the quota of its server. */
export interface Wait {
  readonly reason: StreamError
  readonly ms: number
  /** Counted from 1. */
  readonly attempt: number
}

/** What a connection delivers. */
export type Received = Frame | TextBytes | LargeFrame

/** What one read of the socket brought is delivered. */
export const READ_END: unique symbol = Symbol('the end of a read')

/** One open socket. */
export interface Connection {
  /**
   * Frames as they come; subscribe in the call that yields the connection. Never completes: every
   * end is an error of `dial`.
   */
  readonly frames$: Observable<Received | typeof READ_END>
  /** Bytes of all frames so far. */
  readonly bytes: number
  /** Changes with every sign of life: bytes of a frame, a ping, a pong. */
  readonly heard: number
  /**
   * Changes with every piece of a frame that is not whole yet; `undefined` where the socket sees
   * whole frames alone.
   */
  readonly pieces?: number | undefined
  /**
   * When the last frame came, in unix milliseconds; `undefined` where the socket keeps no clock.
   */
  readonly heardAt?: number | undefined
  /**
   * Whether {@link pause} stops the peer (Node), or only an end of the connection does (browsers).
   */
  readonly canPause: boolean
  /**
   * Whether a pause may last: no server waits at the other end. Then the connection is not closed,
   * however long the queues are full.
   * @default false
   */
  readonly canRest?: boolean
  send(text: string): void
  /** Asks for a sign of life. Browsers cannot. */
  ping(): void
  /** No frame is delivered until {@link resume}; frames that were already read are kept. */
  pause(): void
  resume(): void
}

/**
 * Opens a socket: yields the connection once, errors with a `StreamError` at every end, closes on
 * unsubscription.
 */
export type Dial = (options: DialOptions) => Observable<Connection>
