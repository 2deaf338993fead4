import type { Observable } from 'rxjs'
import type { GenerateEventsOptions } from '../generate/events.js'
import type { FakeAttempt, FakeConnection, FakeRequest } from '../server/fake-connection.js'
import type { FiredFault, JetstreamFault } from '../server/faults.js'
import type { ItemSource } from '../server/script.js'
import type { LogItem, LogRow } from './log.js'
import type { Recording } from './recording.js'

/**
 * Where a fake Jetstream takes its events from: a list or an iterable, or a function that makes the
 * n-th (from 0) when asked.
 */
export type EventSource = ItemSource<LogItem>

/** How a {@link fakeJetstream} behaves. */
export interface FakeJetstreamOptions {
  /**
   * The events that the server sees, one after another: a number of generated ones, a list or an
   * iterable of events or of JSON texts, or a function that makes the n-th (from 0) until it
   * answers `undefined`. A text may be a frame of either wire: it goes out byte for byte on its
   * own, and translated on the other. A number or a list is serialised before the promise resolves.
   * Set `retainEvents` with an endless one.
   * @default 0
   */
  readonly events?: number | EventSource
  /**
   * What a file of `rxjs-atproto record` holds, in place of `events`: its frames go out byte for
   * byte, on the wire that they were recorded from.
   * @default none
   */
  readonly recording?: Recording
  /**
   * How many times as fast as they were recorded its frames come live, from the first connection
   * on; 1: at their own pace. Infinity: as fast as the fastest reader at the tail takes them.
   * @default Infinity
   */
  readonly speed?: number
  /**
   * How to generate, if `events` is a number.
   * @default { seed: 1 }, on a v2 server also {
   * operationsPerCommit: 3, sharedTime: true }
   */
  readonly generate?: Omit<GenerateEventsOptions, 'count'>
  /**
   * How many of the events the log holds before anybody connects; the rest is played live.
   * @default 0
   */
  readonly stored?: number | 'all'
  /**
   * Live events a second, from the first connection on, readers or not.
   * @default as fast as the
   * fastest reader at the tail takes them
   */
  readonly ratePerSecond?: number
  /**
   * Whose behaviour: the legacy server's, with wire v1 alone, or that of a v2 server, with both.
   * @default 'legacy', for a recording of wire v2 'v2'
   */
  readonly server?: 'legacy' | 'v2'
  /**
   * What goes wrong. The server fails to close if one of these never happened.
   * @default []
   */
  readonly faults?: readonly JetstreamFault[]
  /**
   * How many events the log keeps.
   * @default Infinity
   */
  readonly retainEvents?: number
  /**
   * How many milliseconds of events the log keeps, by their own times.
   * @default Infinity
   */
  readonly retainMs?: number
  /**
   * The first sequence number; a v2 server's only.
   * @default 24000000000
   */
  readonly firstSeq?: number
  /**
   * v2: the newest events that a timestamp cursor among them replays from their start.
   * @default 0
   */
  readonly unsealedEvents?: number
  /**
   * The interval between two pings, in milliseconds. Infinity: none.
   * @default 30000
   */
  readonly pingEveryMs?: number
  /**
   * A live reader further behind is cut without a close frame. Events are counted before its
   * filter.
   * @default 50000, v2: Infinity
   */
  readonly outboxEvents?: number
  /**
   * A reader that blocks a write for longer is cut without a close frame. Infinity: never.
   * @default 10000, v2: 5000
   */
  readonly writeTimeoutMs?: number
  /**
   * v2: a cursor past the newest event is answered with an `#info` on wire v2, as later servers do
   * it.
   * @default false: live, in silence
   */
  readonly tellsFutureCursors?: boolean
  /**
   * The zstd dictionary of both wires, which a v2 server hands out.
   * @default none: `compress=true`
   * gets text, and wire v2 knows no dictionary
   */
  readonly dictionary?: Uint8Array
  /**
   * Makes a binary message of a frame's JSON, in place of the encoder for `dictionary`.
   * @default none
   */
  readonly compress?: (json: Uint8Array) => Uint8Array
  /** @default 0, any free one */
  readonly port?: number
}

/** A Jetstream on this machine's loopback. Made by {@link fakeJetstream}. */
export interface FakeJetstream extends AsyncDisposable {
  /** `ws://127.0.0.1:PORT/subscribe`: the endpoint of wire v1. */
  readonly url: string
  /** `127.0.0.1:PORT`: leaves the wire to the client, or to its `wire` option. */
  readonly host: string
  readonly port: number
  /** Every attempt to connect, refused ones included, in order. */
  readonly attempts: readonly FakeAttempt[]
  /** Every request that asked for no WebSocket, in order: those for the dictionary. */
  readonly requests: readonly FakeRequest[]
  /** Every accepted connection, open or closed, in order. */
  readonly connections: readonly FakeConnection[]
  /** Replays the accepted connections and emits each new one; completes when the server closes. */
  readonly connections$: Observable<FakeConnection>
  /** The faults that happened. */
  readonly fired: readonly FiredFault[]
  /** Events sent over all connections. */
  readonly sent: number
  /** Appends to the log now, before what is left of `events`. */
  emit(...events: readonly LogItem[]): void
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
   * Ends all connections as a restart does (v2: 1001, legacy: 1006) and goes on with the same log.
   * `lose` forgets the newest events, as a crash does (always 1006). A v2 server hands their seqs
   * to the events that come next; a legacy server only gives later times. With `again` the server
   * reads the lost events from its upstream once more, right away: under new positions and times.
   */
  restart(options?: { readonly lose?: number; readonly again?: 'all' }): void
  /**
   * Removes rows from the log, as the compaction of a v2 server does. Returns how many there were.
   */
  compact(isRemoved: (row: LogRow) => boolean): number
  /**
   * v2: hands out another dictionary from now on, and refuses the last one. Open connections, and
   * wire v1, keep theirs.
   */
  rotateDictionary(dictionary: Uint8Array): Promise<void>
  /**
   * Ends everything. Rejects if a fault that is not `optional` never fired. Also what `await using`
   * calls.
   */
  close(): Promise<void>
}
