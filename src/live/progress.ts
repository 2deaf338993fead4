import type { Observable } from 'rxjs'
import type { StoredPositions } from '../delivery/delivery-stream.js'
import type { GapReason } from '../delivery/gaps.js'
import type { Settlement } from '../delivery/ledger.js'
import type { Position } from '../delivery/position.js'
import type { Log } from '../internal/log.js'
import type { Connection } from '../socket/socket.js'
import type { Control, Protocol } from './protocol.js'

/**
 * The position of one subscription, and what it does with finished events. {@link CursorProgress}
 * asks for positions and saves checkpoints; Tap's sends acks.
 */
export interface Progress<Event> extends Settlement<Event> {
  /**
   * Before each dial, and before the source is asked how to speak to the host. Resolves when the
   * next connection can be planned; `undefined`: at once. A `StreamError` is that of a failed dial.
   */
  ready?(): Promise<unknown> | undefined
  /** The position to ask for, before each dial. */
  cursorFor(protocol: Protocol<Event>): number | undefined
  /**
   * After {@link cursorFor}. Emits when the dial may begin; `undefined`: at once. Never errors.
   */
  beforeDial?(): Observable<unknown> | undefined
  opened(connection: Connection): void
  /** The connection has ended, or a dial has failed. */
  disconnected(): void
  /**
   * Whether the connection is opened for the first row of the log alone.
   * @default false
   */
  readonly asksForFloor?: boolean
  /**
   * Whether the connection that ends brought anything beyond all before it.
   * @default whatever it
   * delivered
   */
  hasAdvanced?(): boolean
  /**
   * Whether the next event is judged by itself. Else the last of several stands for all of them in
   * {@link onEvent}.
   * @default true
   */
  readonly judgesEach?: boolean
  /** Whether the event is new. A `StreamError` thrown here ends the connection. */
  onEvent(event: Event, host: string, position: number, time_us: number): boolean
  /** How many events before the last new one share its position. */
  readonly index: number
  /** A frame at this position could not be read. */
  onReject(host: string, position: number, time_us: number): void
  /** A frame that is no event. A `StreamError` thrown here ends the connection. */
  onControl(control: Control, host: string): void
  /** The filter is another one after the next dial, or on the open connection from here on. */
  filterChanged(): void
  /** The server refused the cursor that {@link cursorFor} gave. Throws if that ends the stream. */
  refused(host: string, message: string, reason: GapReason): void
  /**
   * Loads before the first dial, then runs beside the connections. Emits once when it is ready,
   * never completes, and errors to end the stream.
   */
  readonly run$: Observable<unknown>
  /** The subscription ended. Deliveries may still be settled after it. */
  stop(): void
  /** Settles when all that is done is saved; `undefined` if there is nothing to save. */
  flush(): PromiseLike<void> | undefined
  /** Positions that a program stores itself, where there is a checkpoint. */
  readonly positions?: StoredPositions | undefined
  readonly last: Position | undefined
  readonly checkpoint: number | undefined
  readonly checkpointErrors: number
}

/** What a progress sees of its stream. */
export interface ProgressContext {
  readonly log: Log
  /** The oldest event that is not done. Deliveries are numbered from 1. */
  frontier(): (Position & { readonly ordinal: number }) | undefined
  /** How many events were delivered: the number of the last one. */
  delivered(): number
  /** A figure of the metrics has changed. */
  changed(): void
}
