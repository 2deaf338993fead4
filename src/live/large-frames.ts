import type { Gap, Gaps } from '../delivery/gaps.js'
import { FrameError, FrameTooLargeError } from '../errors.js'
import type { LargeFrame } from '../socket/large-frame.js'
import type { Progress } from './progress.js'
import { type Protocol, Redial } from './protocol.js'

/** How a protocol treats large frames. */
type Treatment = Pick<
  Protocol<unknown>,
  'host' | 'largeFrames' | 'leavesOutLargeFrames' | 'placeOfLarge'
>

/** What a stream does about frames above `maxFrameBytes`, over all its connections. */
export class LargeFrames {
  /** Whether the server is asked to leave them out, until the one that it sent is passed. */
  areLeftOut = false

  constructor(
    private readonly maxFrameBytes: number,
    private readonly progress: Pick<Progress<never>, 'last'>,
    private readonly gaps: Gaps,
  ) {}

  /**
   * Whether the socket reads over a large frame, instead of ending the connection. A server that
   * was asked to leave it out, and sends it all the same, would send it to every connection.
   */
  areSkipped({ largeFrames }: Treatment): boolean {
    const treatment = largeFrames ?? (this.areLeftOut ? 'skip' : undefined)
    return treatment === 'skip' || treatment === 'reject'
  }

  /** The error of a frame of which we have only the beginning. */
  errorOf({ placeOfLarge }: Treatment, { head, length }: LargeFrame): FrameError {
    const limit = `\`maxFrameBytes\` (${this.maxFrameBytes})`
    const message = `the frame of ${length} bytes is larger than ${limit}`
    return new FrameError(message, placeOfLarge?.(head))
  }

  /**
   * The gap of a frame that was skipped: at its position, or, where that cannot be read, somewhere
   * after the last event. `undefined` where nothing is lost.
   */
  gapOf({ host, largeFrames }: Treatment, position: number | undefined): Gap | undefined {
    const { last } = this.progress
    const isRepeat = position !== undefined && last?.host === host && position <= last.position
    const from = position ?? last?.position
    if (largeFrames === 'reject' || isRepeat || from === undefined) return undefined
    return { host, from, to: position, reason: 'frame-too-large', recoverable: true, count: 1 }
  }

  /** A large frame has ended the connection. Throws where it also ends the stream. */
  onTooLarge(error: FrameTooLargeError, treatment: Treatment | undefined): void {
    if (treatment?.largeFrames === 'fail') throw this.#fatal(error)
    if (treatment?.leavesOutLargeFrames) this.#leaveOut(treatment.host)
  }

  #fatal(cause: FrameTooLargeError): FrameTooLargeError {
    const position = this.progress.last?.position
    const place = position === undefined ? '' : `, after position ${position}`
    const remedy = "raise it, or set `onLargeFrame: 'skip'`"
    const message = `${cause.message}${place}; ${remedy}`
    return new FrameTooLargeError(message, { cause, retryable: false })
  }

  #leaveOut(host: string): void {
    this.areLeftOut = true
    const from = this.progress.last?.position
    if (from === undefined) return
    // Without a count: until we ask for large frames again, the server leaves out every one.
    this.gaps.report({
      host,
      from,
      to: undefined,
      reason: 'frame-too-large',
      recoverable: true,
    })
  }

  /** The stream is past the frame: dials again, to ask for large frames too. */
  askAgain(): never {
    this.areLeftOut = false
    throw new Redial('the large frame is passed')
  }
}
