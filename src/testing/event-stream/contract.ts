import type { Observable } from 'rxjs'
import type { FakeAttempt, FakeConnection, FakeRequest } from '../server/fake-connection.js'
import type { ConnectFault, EventFault, FiredFault } from '../server/faults.js'

/**
 * What can go wrong on a fake event stream. `after` counts the messages sent, over all connections.
 */
export type EventStreamFault = EventFault | ConnectFault

/** What the fake servers of event streams have in common: how they keep and play what they send. */
export interface FakeEventStreamOptions {
  /**
   * How many of the messages the log holds before anybody connects; the rest is played live.
   * @default 0
   */
  readonly stored?: number | 'all'
  /**
   * Live messages a second, from the first connection on, readers or not.
   * @default as fast as the fastest reader at the tail takes them, but never so fast that another
   * would be cut for it
   */
  readonly ratePerSecond?: number
  /**
   * What goes wrong. The server fails to close if one of these never happened.
   * @default []
   */
  readonly faults?: readonly EventStreamFault[]
  /**
   * How many messages the log keeps.
   * @default Infinity
   */
  readonly retainEvents?: number
  /**
   * How many milliseconds of messages the log keeps, by their own times.
   * @default Infinity
   */
  readonly retainMs?: number
  /**
   * The sequence number of the first message that brings none.
   * @default 1
   */
  readonly firstSeq?: number
  /**
   * A live reader for whom more messages wait is told ConsumerTooSlow and cut.
   * @default 500, of a
   * relay 16384
   */
  readonly bufferEvents?: number
  /**
   * The server sends a ping after so many milliseconds without a message. Infinity: never.
   * @default Infinity, of a relay 30000
   */
  readonly pingEveryMs?: number
  /** @default 0, any free one */
  readonly port?: number
}

/** The server of an event stream on this machine's loopback. */
export interface FakeEventStream<Item> extends AsyncDisposable {
  /** `ws://127.0.0.1:PORT`, without the path. */
  readonly url: string
  /** The whole address of the stream, for a client of its own. */
  readonly endpoint: string
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly port: number
  /** Every attempt to connect, refused ones included, in order. */
  readonly attempts: readonly FakeAttempt[]
  /** Every request that asked for no WebSocket, in order. */
  readonly requests: readonly FakeRequest[]
  /** Every accepted connection, open or closed, in order. */
  readonly connections: readonly FakeConnection[]
  /** Replays the accepted connections and emits each new one; completes when the server closes. */
  readonly connections$: Observable<FakeConnection>
  /** The faults that happened. */
  readonly fired: readonly FiredFault[]
  /** Messages sent over all connections. */
  readonly sent: number
  /**
   * The bytes of every frame in the log that a replay from its start sends. Made anew at each call.
   */
  readonly frames: readonly Uint8Array[]
  /**
   * Appends to the log now, before what is left of `events`. One burst: more than `bufferEvents` at
   * once cut every live reader of a PDS.
   */
  emit(...items: readonly Item[]): void
  /**
   * The n-th accepted connection, counted from 1, as soon as there is one.
   * @default 1
   */
  connected(n?: number): Promise<FakeConnection>
  /**
   * The n-th connection that ended, counted from 1 in the order of ending.
   * @default 1
   */
  closed(n?: number): Promise<FakeConnection>
  /**
   * Resolves when all `events` are in the log and every open connection that is not stalled or
   * silent has been sent all it wants.
   */
  idle(): Promise<void>
  /**
   * Resolves when the condition holds; asked again at each attempt, connection, message, batch,
   * fault and end.
   */
  when(holds: () => boolean): Promise<void>
  /**
   * Ends all connections without a close frame, as a restart does, and goes on with the same log.
   * `lose` forgets its newest messages, as a crash does, and gives their numbers to those that come
   * next; `firstSeq` numbers what is kept anew, as a host that was replaced does. From then on the
   * server numbers everything itself.
   */
  restart(options?: { readonly lose?: number; readonly firstSeq?: number }): void
  /**
   * Ends everything. Rejects if a fault that is not `optional` never fired. Also what `await using`
   * calls.
   */
  close(): Promise<void>
}
