import type { Gaps } from '../delivery/gaps.js'
import { Conclusions } from './conclusions.js'
import type { OnCursorRefused, Start } from './cursor-request.js'
import { CursorRequests } from './cursor-requests.js'
import type { ProgressContext } from './progress.js'
import type { CursorProtocol } from './protocol.js'
import type { Received } from './received.js'
import { WayBack } from './way-back.js'

export interface ResumingOptions {
  readonly start: Start
  readonly onCursorRefused: OnCursorRefused
  /** Our clock, in unix milliseconds. */
  readonly now: () => number
}

/**
 * How a stream goes on from a position: what each connection is asked for, what its first events
 * show, and what is saved meanwhile.
 */
export class Resuming<Event> {
  readonly requests: CursorRequests<Event>
  readonly conclusions: Conclusions<Event>
  readonly wayBack: WayBack

  constructor(
    { start, ...options }: ResumingOptions,
    received: Received<Event>,
    gaps: Gaps,
    context: ProgressContext,
  ) {
    this.requests = new CursorRequests(start, received)
    const { log } = context
    this.conclusions = new Conclusions({ ...options, gaps, log }, received, this.requests)
    this.wayBack = new WayBack(context, received, this.conclusions.losses)
  }

  /** `isFirst`: nothing was ever delivered. */
  cursorFor(protocol: CursorProtocol<Event>, isFirst: boolean): number | undefined {
    this.conclusions.dial(protocol)
    const cursor = this.requests.cursorFor(protocol)
    const { current } = this.requests
    if (current !== undefined) this.wayBack.ask(current, protocol.host, isFirst)
    return cursor
  }
}
