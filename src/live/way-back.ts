import type { Position } from '../delivery/position.js'
import type { CursorRequest } from './cursor-request.js'
import type { ProgressContext } from './progress.js'

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

  constructor(private readonly context: Pick<ProgressContext, 'frontier' | 'delivered'>) {}

  /** A connection is asked for this. `isFirst`: nothing was ever delivered. */
  ask({ question, cursor, held }: CursorRequest, host: string, isFirst: boolean): void {
    if (isFirst || (question !== 'rewind' && question !== 'oldest')) return
    this.#delivered = this.context.delivered()
    this.#position =
      question === 'oldest'
        ? { host, position: 0, time_us: 0 }
        : // Of no host: the next run asks by time again, whatever host it dials.
          { host: '', position: held.position, time_us: cursor + REWIND_US }
  }

  /** The position to save, until one of the events that come again is the oldest open one. */
  get position(): Position | undefined {
    if (this.#position === undefined) return undefined
    const frontier = this.context.frontier()
    const oldest = frontier?.ordinal ?? this.context.delivered()
    return oldest <= this.#delivered ? this.#before(frontier) : undefined
  }

  /** An event that is still open may be older than what the stream goes back to. */
  #before(open: Position | undefined): Position | undefined {
    const way = this.#position
    if (way === undefined || open === undefined || isBeforeAll(way) || open.time_us >= way.time_us)
      return way
    // Without a time it can only be asked for by its own position.
    return open.time_us === 0
      ? undefined
      : { ...way, position: open.position, time_us: open.time_us }
  }
}

/** Whether a stored position says to read from the oldest event. No event is there. */
export const isBeforeAll = ({ position, time_us }: Position): boolean =>
  position === 0 && time_us === 0
