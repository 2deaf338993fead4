import type { Position } from '../delivery/position.js'
import { isBeforeAll, type SavedPosition } from '../delivery/saved-position.js'
import type { CursorRequest } from './cursor-request.js'
import type { Losses } from './losses.js'
import type { ProgressContext } from './progress.js'
import type { Received } from './received.js'

// A position of another host, or of a log that was renumbered, is good by its time alone, and no
// two clocks are the same.
export const REWIND_US = 10_000_000

/**
 * What is saved while a stream goes back: to a time, or to the oldest event. Its own position would
 * be worse: killed among events that came before, the next run would go on from that position, and
 * leave old events behind newer ones.
 */
export class WayBack {
  #position: Position | undefined
  /** The number of the last delivery before. */
  #delivered = 0
  /** Where the stream stood before. */
  #last: Position | undefined
  /** How far a loss was reported before. */
  #floor = 0

  constructor(
    private readonly context: Pick<ProgressContext, 'frontier' | 'delivered'>,
    private readonly received: Pick<Received<unknown>, 'last'>,
    private readonly losses: Pick<Losses, 'reportedUpTo'>,
  ) {}

  /** A connection is asked for this. `isFirst`: nothing was ever delivered. */
  ask({ question, cursor, held }: CursorRequest, host: string, isFirst: boolean): void {
    if (isFirst || (question !== 'rewind' && question !== 'oldest')) return
    this.#delivered = this.context.delivered()
    this.#last = this.received.last
    this.#floor = this.losses.reportedUpTo(host)
    this.#position =
      question === 'oldest'
        ? { host, position: 0, time_us: 0 }
        : // Of no host: the next run asks by time again, whatever host it dials.
          { host: '', position: held.position, time_us: cursor + REWIND_US }
  }

  /**
   * The position to save, until one of the events that come again is the oldest open one, or none
   * is open and one has come, wanted or not.
   */
  get position(): SavedPosition | undefined {
    if (this.#position === undefined) return undefined
    const frontier = this.context.frontier()
    if (frontier === undefined) return this.#hasMoved ? undefined : this.#withFloor(this.#position)
    return frontier.ordinal <= this.#delivered ? this.#before(frontier) : undefined
  }

  get #hasMoved(): boolean {
    const { last } = this.received
    return last !== undefined && !isSame(last, this.#last)
  }

  /** The next run must know which loss was reported, and which was not. */
  #withFloor(way: Position): SavedPosition {
    if (!isBeforeAll(way)) return way
    const floor = Math.max(this.#floor, this.losses.reportedUpTo(way.host))
    return floor > 0 ? { ...way, floor } : way
  }

  /** An event that is still open may be older than what the stream goes back to. */
  #before(open: Position): SavedPosition | undefined {
    const way = this.#position
    if (way === undefined || isBeforeAll(way) || open.time_us >= way.time_us)
      return way && this.#withFloor(way)
    // Without a time it can only be asked for by its own position.
    return open.time_us === 0
      ? undefined
      : { ...way, position: open.position, time_us: open.time_us }
  }
}

const isSame = (one: Position, other: Position | undefined): boolean =>
  one.position === other?.position && one.time_us === other.time_us && one.host === other.host
