import type { Observer } from 'rxjs'
import type { FrameError } from '../errors.js'
import { tell } from '../internal/tell.js'
import type { Frame } from '../socket/frame.js'
import { LargeFrame } from '../socket/large-frame.js'

/** How much of a frame a reject keeps. */
const KEPT_BYTES = 65_536

/** A frame that could not be read as an event. The stream went on. */
export interface RejectedFrame {
  readonly host: string
  /** The frame as it came, cut after 65,536 characters or bytes. */
  readonly frame: Frame
  /** How long it was. */
  readonly length: number
  /** What is wrong with it, and its position in the stream if that could be read. */
  readonly error: FrameError
}

export function reject(
  observer: Partial<Observer<RejectedFrame>> | undefined,
  host: string,
  frame: Frame | LargeFrame,
  error: FrameError,
): void {
  const kept = cut(frame instanceof LargeFrame ? frame.head : frame)
  tell(observer, Object.freeze({ host, frame: kept, length: frame.length, error }))
}

/** Rejects parts of one frame, which is copied once for all of them. */
export function rejecter(
  observer: Partial<Observer<RejectedFrame>> | undefined,
  host: string,
  frame: Frame,
): (error: FrameError) => void {
  let kept: Frame | undefined
  return (error) => {
    kept ??= cut(frame)
    tell(observer, Object.freeze({ host, frame: kept, length: frame.length, error }))
  }
}

/**
 * Copies bytes, since the socket reads the next frame into the same memory. Not with the `slice` of
 * Node's buffers, which copies nothing.
 */
const cut = (frame: Frame): Frame =>
  typeof frame === 'string'
    ? frame.slice(0, KEPT_BYTES)
    : Uint8Array.prototype.slice.call(frame, 0, KEPT_BYTES)
