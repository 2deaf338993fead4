import type { FakeAttempt, FakeConnection } from '../server/fake-connection.js'
import type { FiredFault } from '../server/faults.js'
import type { TapFault } from './faults.js'
import type { FakeTapEvent, FakeTapItem } from './frame.js'
import type { GenerateTapEventsOptions } from './generate.js'
import type { FakeTapRepo, TapAnswer, TapRequest } from './routes.js'

export type { TapEventFault, TapFault } from './faults.js'
export type { FakeTapEvent, FakeTapItem } from './frame.js'
export * from './generate.js'
export type { FakeTapRepo, TapAnswer, TapRequest } from './routes.js'

/** How a {@link fakeTap} behaves. */
export interface FakeTapOptions {
  /**
   * The events in the outbox from the start: a number of generated ones, or a list or an iterable.
   * What is beyond `capacity` enters as acks make room.
   * @default 0
   */
  readonly events?: number | Iterable<FakeTapEvent>
  /**
   * How to generate, if `events` is a number.
   * @default { seed: 1, dids: 1000, live: true }
   */
  readonly generate?: Omit<GenerateTapEventsOptions, 'count'>
  /**
   * Texts of frames that follow `events`: sent byte for byte, under their own ids. One whose id is
   * still in the outbox waits until that is acked, and so do those behind it.
   * @default none
   */
  readonly frames?: Iterable<string>
  /**
   * TAP_OUTBOX_CAPACITY: with so many rows in the outbox, `events` and `frames` wait; `emit` does
   * not.
   * @default 100000
   */
  readonly capacity?: number
  /**
   * TAP_RETRY_TIMEOUT: the period of the ticker that sends what is in flight once more, in
   * milliseconds. Infinity: there is no ticker. See {@link FakeTap.redeliver}.
   * @default 60000
   */
  readonly retryTimeoutMs?: number
  /**
   * How long a restart forgets an ack, in milliseconds: a Tap deletes acked rows every 10 s, or
   * 1,000 at a time. 0: a restart forgets only those that it is told to.
   * @default 10_000
   */
  readonly ackFlushMs?: number
  /**
   * TAP_DISABLE_ACKS: an event is done as soon as it is written.
   * @default false
   */
  readonly disableAcks?: boolean
  /**
   * TAP_WEBHOOK_URL is set: `/channel` answers 400. Nothing is posted.
   * @default false
   */
  readonly webhook?: boolean
  /**
   * TAP_ADMIN_PASSWORD: every request must carry it, the upgrade included.
   * @default none
   */
  readonly adminPassword?: string
  /**
   * The repositories tracked from the start. Those of the events are tracked, too.
   * @default none
   */
  readonly repos?: Iterable<Partial<FakeTapRepo> & { readonly did: string }>
  /**
   * DID documents for `/resolve/:did`, by DID.
   * @default none
   */
  readonly documents?: Readonly<Record<string, unknown>>
  /**
   * Answers a request instead of the server, or never (`'hang'`), or with a TCP reset. Upgrades do
   * not pass here.
   * @default none
   */
  readonly intercept?: (request: TapRequest) => TapAnswer | 'hang' | 'reset' | undefined
  /**
   * What goes wrong on `/channel`. The server fails to close if one of these never happened.
   * @default []
   */
  readonly faults?: readonly TapFault[]
  /** @default 0, any free one */
  readonly port?: number
}

/** An ack that came in. */
export interface FakeTapAck {
  readonly id: number
  /** The connection it came by, counted from 1. */
  readonly connection: number
  /**
   * How often the event had been sent: 0 for one that nobody had seen, which this ack destroys;
   * `undefined` if no event has this id.
   */
  readonly delivery: number | undefined
  /** Whether this connection was never sent the id. */
  readonly stray: boolean
}

/** A frame that was sent. */
export interface FakeTapDelivery {
  readonly id: number
  readonly did: string
  readonly live: boolean
  /** The text sent. */
  readonly frame: string
  /** The connection it went to, counted from 1. */
  readonly connection: number
  /** 1 for the first time, then 2 and so on. */
  readonly delivery: number
}

/** An event that is not acked. */
export interface FakeTapRow {
  readonly id: number
  readonly did: string
  readonly live: boolean
  readonly frame: string
  /** How often it was sent. */
  readonly deliveries: number
  /** Whether it was handed to the send queue, rather than waiting behind others of its DID. */
  readonly inFlight: boolean
}

/** A Tap on this machine's loopback. Made by {@link fakeTap}. */
export interface FakeTap extends AsyncDisposable {
  /** `ws://127.0.0.1:PORT`, without the path. */
  readonly url: string
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly port: number
  /** Every attempt on `/channel`, refused ones included, in order. */
  readonly attempts: readonly FakeAttempt[]
  /** Every accepted connection, open or closed, in order. */
  readonly connections: readonly FakeConnection[]
  /** Every request that was no upgrade, with the status answered (0 for none), in order. */
  readonly requests: readonly (TapRequest & { readonly status: number })[]
  /** Every ack, in order: also repeats, and those of unknown ids. */
  readonly acks: readonly FakeTapAck[]
  /** Every event frame sent, in order. */
  readonly delivered: readonly FakeTapDelivery[]
  /** What is not acked, by id. Made anew at each call. */
  readonly outbox: readonly FakeTapRow[]
  /** What is tracked. */
  readonly repos: readonly FakeTapRepo[]
  /** The faults that happened. */
  readonly fired: readonly FiredFault[]
  /** Event frames sent over all connections, copies included. */
  readonly sent: number
  /**
   * Puts events into the outbox now, whatever is left of `events`; answers their ids. A text is a
   * frame, as in `frames`.
   */
  emit(...events: readonly FakeTapItem[]): readonly number[]
  /** What `/info/:did` says from now on: a repository that is not tracked is, others change. */
  setRepo(repo: Partial<FakeTapRepo> & { readonly did: string }): void
  /**
   * One tick of the retry timer, whatever the time: one more copy of all that is in flight. Answers
   * how many.
   */
  redeliver(): number
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
   * Resolves when `n` events were acked; repeats do not count.
   * @default 1
   */
  acked(n?: number): Promise<void>
  /** Resolves when all `events` and `frames` entered and nothing is left unacked. */
  drained(): Promise<void>
  /**
   * Resolves when the condition holds; asked again at each attempt, connection, message, batch of
   * frames, fault, request and end.
   */
  when(holds: () => boolean): Promise<void>
  /**
   * Ends all connections (1006) and starts a new process on the same database. What is not acked
   * comes again under its ids, in their order, and so does what was acked within `ackFlushMs` (or
   * is among the newest `forgetAcks`), whichever reader acked it; readers take turns. New ids go on
   * after the highest of those rows, or at 1 where there are none.
   */
  restart(options?: { readonly forgetAcks?: number }): void
  /**
   * Ends everything. Rejects if a fault that is not `optional` never fired. Also what `await using`
   * calls.
   */
  close(): Promise<void>
}
