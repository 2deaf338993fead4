import type { OwnFormat } from './checkpoint-options.js'
import type { Position } from './position.js'

/**
 * A filter as it is stored beside a position. `dids` is a list, or where that would be long only
 * its number and hash, which show that it changed and not how.
 */
export interface StoredFilter {
  readonly collections?: readonly string[]
  readonly kinds?: readonly string[]
  readonly dids?: readonly string[] | string
}

/** What an earlier filter has delivered: all that it wants before a position. */
export interface DeliveredBefore extends Position {
  readonly filter: StoredFilter
}

/** A position as it is stored. Readers that know only a {@link Position} pass over the rest. */
export interface SavedPosition extends Position {
  /**
   * Beside the position before all events: where the log began when a loss was reported.
   * @default nothing was reported
   */
  readonly floor?: number
  /** The filter of a stream that has a name. */
  readonly filter?: StoredFilter
  /**
   * What earlier filters have delivered beyond this position, which a backfill leaves out.
   * @default nothing
   */
  readonly delivered?: readonly DeliveredBefore[]
}

/** Whether a stored position says to read from the oldest event. No event is there. */
export const isBeforeAll = ({ position, time_us }: Position): boolean =>
  position === 0 && time_us === 0

/** Positions of a live source. */
export const positionFormat: OwnFormat<SavedPosition> = {
  write: ({ host, position, time_us, done, floor, filter, delivered }) =>
    JSON.stringify({ host, position, time_us, done, floor, filter, delivered }),
  read(text) {
    try {
      return checked(JSON.parse(text) as SavedPosition)
    } catch {
      // No JSON, or none of an object.
      return undefined
    }
  },
  isSame: (one, other) =>
    one.position === other.position &&
    one.host === other.host &&
    one.time_us === other.time_us &&
    one.floor === other.floor,
}

function checked(saved: SavedPosition): SavedPosition | undefined {
  const { host, position, time_us, done, floor, filter, delivered } = saved
  if (typeof host !== 'string' || !isInteger(position) || !isInteger(time_us)) return undefined
  return {
    host,
    position,
    time_us,
    ...(isInteger(done) && { done }),
    ...(isInteger(floor) && { floor }),
    ...(filter !== undefined && { filter }),
    ...(delivered !== undefined && { delivered }),
  }
}

const isInteger = (value: number | undefined): value is number => Number.isSafeInteger(value)
