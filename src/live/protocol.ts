import type { ArchiveMetrics, CompressionStatus } from '../delivery/metrics.js'
import {
  type ConnectError,
  type FrameError,
  type RefusedError,
  type ServerError,
  StreamError,
} from '../errors.js'
import type { Frame } from '../socket/frame.js'
import type { Dial, Received } from '../socket/socket.js'
import type { TextBytes } from '../socket/text-bytes.js'
import type { Recognising } from './recently-received.js'

/** All that differs between two streams: how to speak to one host. */
export interface Protocol<Event> {
  /**
   * The endpoint, as positions and checkpoints name it: a position of another means nothing here.
   */
  readonly host: string
  readonly subprotocol?: string
  /** What metrics call the wire, where a source has several. */
  readonly wire?: string
  /** @default none */
  readonly compression?: CompressionStatus
  /** How far an archive was read. */
  archive?(): ArchiveMetrics | undefined
  /**
   * Whether the server can be asked to leave out frames above `maxFrameBytes`.
   * @default false
   */
  readonly leavesOutLargeFrames?: boolean
  /**
   * What a message above `maxFrameBytes` is, where the server cannot be asked to leave it out: a
   * loss (`'skip'`), a reject that the server sends again (`'reject'`), or the end of the stream
   * (`'fail'`).
   * @default the end of the connection, and `'skip'` where one comes although it was to
   * be left out
   */
  readonly largeFrames?: 'skip' | 'reject' | 'fail'
  /** The position of such a message, read from its beginning. */
  placeOfLarge?(head: Frame): FrameError['place']
  /** Called before every attempt. */
  url(request: Request): string
  /**
   * How the connection is opened for a request, where it is no socket.
   * @default a socket to {@link url}
   */
  dial?(request: Request): Dial
  /** The handshake has succeeded. A `StreamError` thrown here ends the connection. */
  opened?(): void
  /** The first message to the server. */
  hello?(request: Request): string | undefined
  /**
   * The message that changes the filter to this one. Absent where only a new connection can change
   * it.
   */
  update?(): string
  /**
   * Classifies a failed handshake or an error frame. `'cursor'`: the position is no longer in the
   * log. `'future'`: it is not there yet. Otherwise an error to use instead, or `undefined` to keep
   * the original one.
   */
  refused?(
    error: RefusedError | ConnectError | ServerError,
  ): 'cursor' | 'future' | StreamError | undefined
  /** Receives what is no event before the stream does. A `StreamError` ends the connection. */
  control?(control: Control): void
  /**
   * Throws {@link FrameError} on what it cannot read, and another `StreamError` on what ends the
   * connection.
   */
  decode(frame: Frame): Event | Control
  /**
   * Whether `decode` keeps nothing of a binary frame. It then gets a view of the socket's memory
   * instead of a copy.
   * @default false
   */
  readonly keepsNoFrame?: boolean
  /** `decode` for text that the socket has not decoded. Without it, all text comes as strings. */
  decodeBytes?(text: TextBytes): Event | Control
  /** @default each event is emitted alone */
  readonly gathering?: Gathering<Event> | undefined
  /** Whether the config wants an event that the server could not leave out. */
  wants(event: Event): boolean
  /** The event's position, as its host numbers it. */
  cursorOf(event: Event): number
  /** The event's own time in unix microseconds; 0 where it has none. */
  timeOf(event: Event): number
}

/**
 * Gathers the events of one read of the socket, to be emitted as one. An event that is judged by
 * itself, such as the answer to a cursor, is read alone.
 */
export interface Gathering<Event> {
  /**
   * Adds an event. Returns false for a message that is to be read alone, after all that was added:
   * what is no event, what cannot be read, and an event whose position is not after the one before.
   */
  add(frame: Received): boolean
  /** What was added since the last call. */
  take(): Gathered<Event> | undefined
}

export interface PlaceInLog {
  readonly position: number
  readonly time_us: number
}

/** Events that were gathered. */
export interface Gathered<Event> {
  /** Those that are wanted, as one; `undefined`: none is. */
  readonly event: Event | undefined
  /** How many are wanted. */
  readonly size: number
  /** How many are not. */
  readonly filtered: number
  /** Of the first that is wanted. */
  readonly first: PlaceInLog
  /** Of the last, wanted or not. */
  readonly last: PlaceInLog
  /** That whose identity is the identity of the last, wanted or not. */
  readonly end: Event
}

/**
 * A stream that is asked for by position. Cursors are inclusive: the server repeats the event at
 * the cursor, a free proof that its log is the one that gave it. A protocol whose servers send the
 * events after a cursor asks for one less.
 */
export interface CursorProtocol<Event> extends Protocol<Event> {
  /** Whether a time in unix microseconds can be asked for in place of a position. */
  readonly takesTimes: boolean
  /**
   * Whether events may leave the server's log early, so that a missing repeat proves nothing.
   * @default false
   */
  readonly forgets?: boolean
  /**
   * Whether the server refuses or reports every position that its log does not reach back to. Where
   * it starts later in silence, the first row of the log is asked for.
   * @default false
   */
  readonly tellsFloor?: boolean
  /**
   * Whether exactly what was asked for comes, in the order of its positions. Then no answer shows
   * anything about the log, and what comes need not come again from a server that is asked by
   * socket.
   * @default false
   */
  readonly exact?: boolean
  /** The first position that a server's message says it holds, if it does. */
  floorOf?(message: string): number | undefined
  /** The cursor that asks for all the server holds. */
  readonly oldest: number
  /** Equal for two copies of one event, on any host and wire. */
  identityOf(event: Event): string
  /**
   * Where a source has hosts that replace each other. Called for each event.
   * @default copies from another host are delivered again
   */
  readonly recognising?: Recognising<Event>
}

/** What one attempt asks for. */
export interface Request {
  /** `undefined` for the live end of the stream. */
  readonly cursor: number | undefined
  /** The next event is larger than `maxFrameBytes`: have the server leave it out. */
  readonly leaveOutLargeFrames: boolean
  /**
   * Ask for every event, whatever the filter: only the first one counts.
   * @default false
   */
  readonly unfiltered?: boolean
}

/**
 * From here on a number is unix microseconds; below it is a sequence number. The servers' own rule.
 */
const FIRST_TIME_CURSOR = 1e15

export const isTimeCursor = (cursor: number): boolean => cursor >= FIRST_TIME_CURSOR

// --- What a connection can bring besides events ---

/** A frame that is not an event but a notice about the stream. */
export class Control {
  constructor(
    /** The server's name for it. */
    readonly name: string,
    readonly message = '',
  ) {}
}

/** All events up to a position have come: those that are missing are none of this stream. */
export class Passed extends Control {
  /** `time_us`: when what stands there happened; 0 if that is not known. */
  constructor(
    readonly position: number,
    readonly time_us = 0,
  ) {
    super('Passed')
  }
}

/**
 * A finite stream has come to its end. It completes when all that was emitted is done. Never leaves
 * this library.
 */
export class Completed extends StreamError {
  readonly code = 'COMPLETED'
  readonly retryable = false
}

/**
 * A connection that we end ourselves in order to dial again: no failure, and no backoff. Never
 * leaves this library.
 */
export class Redial extends StreamError {
  readonly code = 'REDIAL'
  readonly retryable = true
}

/**
 * The answer to our cursor leads to another request. Too many in a row count as a failure. Never
 * leaves this library.
 */
export class AskAgain extends Redial {}

/**
 * A dial that probed which wire a host speaks, and found out. The next dial is still the same
 * attempt. Never leaves this library.
 */
export class ProbeEnded extends Redial {}
