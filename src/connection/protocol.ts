import type { Frame } from '../socket/socket.js'

/** All that differs between two streams. Without state: one protocol serves every subscription of a source. */
export interface Protocol<Event> {
  readonly subprotocol?: string
  /** Asked before every attempt. `cursor` is `undefined` for the live end of the stream. */
  url(host: string, cursor: number | undefined, request: Request): string
  /** What to send as soon as the connection is open. */
  hello?(request: Request): string | undefined
  /** Throws {@link FrameError} on what it cannot read; `undefined` for a frame that is no event. */
  decode(frame: Frame): Event | undefined
  /** Whether the config wants an event that the server could not leave out. */
  wants(event: Event): boolean
  /** The event's position, as its host numbers it. */
  cursorOf(event: Event): number
  /** The event's own time in unix microseconds; 0 where it has none. */
  timeOf(event: Event): number
}

/** A stream that is asked for by position. Cursors are inclusive: the server repeats the event at it. */
export interface CursorProtocol<Event> extends Protocol<Event> {
  /** Source and wire, as a checkpoint's key names them: `jetstream/v1`. */
  readonly name: string
  /** The cursor that asks for all the server holds. */
  readonly oldest: number
  /** Equal for two copies of one event. */
  identityOf(event: Event): string
}

/** What one attempt asks for besides its position. */
export interface Request {
  /** The next event is larger than `maxFrameBytes`: have the server leave it out. */
  readonly leaveOutLargeFrames: boolean
}

/** From here on a number is unix microseconds; below it is a sequence number. The servers' own rule. */
const FIRST_TIME_CURSOR = 1e15

export const isTimeCursor = (cursor: number): boolean => cursor >= FIRST_TIME_CURSOR
