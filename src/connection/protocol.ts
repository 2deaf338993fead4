import type { Frame } from '../socket/socket.js'

/** All that differs between two streams. Without state: one protocol serves every subscription of a source. */
export interface Protocol<Event> {
  /** Source and wire, as a checkpoint's key names them: `jetstream/v1`. */
  readonly name: string
  readonly subprotocol?: string
  /** The cursor that asks for all the server holds. */
  readonly oldest: number
  /** Asked before every attempt. `cursor` is `undefined` for the live end of the stream. */
  url(host: string, cursor: number | undefined, request: Request): string
  /** What to send as soon as the connection is open. */
  hello?(request: Request): string | undefined
  /** Throws {@link FrameError} on what it cannot read; `undefined` for a frame that is no event. */
  decode(frame: Frame): Event | undefined
  /** Whether the config wants an event that the server could not leave out. */
  wants(event: Event): boolean
  /** The position that the event's host would replay it from. */
  cursorOf(event: Event): number
  /** Unix microseconds. */
  timeOf(event: Event): number
  /** Equal for two copies of one event. */
  identityOf(event: Event): string
}

/** What one attempt asks for besides its position. */
export interface Request {
  /** The next event is larger than `maxFrameBytes`: have the server leave it out. */
  readonly leaveOutLargeFrames: boolean
}

/** From here on a number is unix microseconds; below it is a sequence number. The servers' own rule. */
export const FIRST_TIME_CURSOR = 1e15

export const isTimeCursor = (cursor: number): boolean => cursor >= FIRST_TIME_CURSOR
