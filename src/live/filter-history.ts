import { covers, type EventFilters, type Wanted, wantedBy } from '../atproto/filters.js'
import { shortKey } from '../cursors/load-position.js'
import type { OwnFormat } from '../delivery/checkpoint-options.js'
import type { Gaps } from '../delivery/gaps.js'
import type { Position } from '../delivery/position.js'
import {
  type DeliveredBefore,
  isBeforeAll,
  positionFormat,
  type SavedPosition,
  type StoredFilter,
} from '../delivery/saved-position.js'
import { hashOf } from '../internal/hash.js'
import type { Log } from '../internal/log.js'

// A position is saved every second, and its text with it.
const MOST_DIDS = 1000
// Filters that changed while a backfill ran. Without the oldest of them more is delivered again.
const MOST_DELIVERED = 10

/** How a stream goes on from its stored position. */
export type Resumption =
  /** The filter is the same. */
  | 'same'
  /** The event at the position need not come again. */
  | 'changed'
  /** From the oldest event: the position is that of an earlier filter. */
  | 'start over'

/** A stream with a name in a store. */
export interface FilteredStream {
  readonly key: string
  readonly onFilterChange: 'resume' | 'backfill'
  /** Its filter as it is now. */
  current(): EventFilters
}

export interface HistoryContext {
  readonly log: Log
  readonly gaps: Gaps
}

/**
 * The filter that is stored beside the position of a named stream, and what earlier filters have
 * delivered beyond that position, which a backfill leaves out.
 */
export class FilterHistory {
  #delivered: readonly DeliveredBefore[] = []
  /** For each of {@link #delivered}. */
  #wanted: readonly Wanted[] = []
  /** The position that the first event of a backfill must be before. */
  #expected: Position | undefined
  #gaps: Gaps | undefined

  constructor(private readonly stream: FilteredStream) {}

  /** Whether the stream may come to what was delivered before. */
  get isActive(): boolean {
    return this.#delivered.length > 0
  }

  /** Decides how to go on from a stored position. */
  resume(saved: SavedPosition, { log, gaps }: HistoryContext): Resumption {
    const { filter, delivered = [], ...last } = saved
    this.#remember(delivered)
    const now = storedFilter(this.stream.current())
    // A position from before the stream had a name: its key named the same filter.
    if (filter === undefined || isSame(filter, now)) return 'same'
    if (isNarrower(now, filter)) return 'changed'
    const change = `the filter of the stream ${shortKey(this.stream.key)} has changed`
    if (this.stream.onFilterChange === 'resume') {
      log.warn(
        `${change}: it goes on from its position, where what the filter newly takes begins ` +
          "(`onFilterChange: 'backfill'` reads that from the oldest event)",
      )
      return 'changed'
    }
    const way = wayBackAt(saved)
    const unknown =
      typeof filter.dids === 'string' ? `no more than ${MOST_DIDS} DIDs are stored` : way
    const rest = unknown
      ? `all events come again, since ${unknown}`
      : 'what the earlier filter has delivered is left out'
    log.warn(`${change}: it is read from the oldest event that the server has; ${rest}`)
    if (way === undefined) this.#remember([...this.#delivered, { ...last, filter }])
    if (isEventOf(filter, now, saved)) this.#expected = saved
    this.#gaps = gaps
    return 'start over'
  }

  /** What is stored beside `position`. */
  beside(position: Position): Pick<SavedPosition, 'filter' | 'delivered'> {
    this.#remember(this.#delivered.filter((one) => !isPast(position, one)))
    const filter = storedFilter(this.stream.current())
    return this.isActive ? { filter, delivered: this.#delivered } : { filter }
  }

  /** Which events of a position were delivered before; `undefined`: none. */
  deliveredAt(host: string, position: number, time_us: number): Wanted | undefined {
    if (this.#expected !== undefined) this.#checkBeginning(host, position)
    let found: Wanted | undefined
    for (const [index, one] of this.#delivered.entries())
      if (isBefore(host, position, time_us, one)) found = either(found, this.#wanted[index])
    return found
  }

  /** What the server no longer has is lost to the earlier filter. */
  #checkBeginning(host: string, position: number): void {
    const expected = this.#expected
    this.#expected = undefined
    if (expected?.host !== host || position <= expected.position) return
    const [from, to] = [expected.position, position]
    this.#gaps?.report({ host, from, to, reason: 'cursor-too-old', recoverable: false })
  }

  #remember(delivered: readonly DeliveredBefore[]): void {
    if (delivered.length === this.#delivered.length) return
    this.#delivered = delivered.slice(-MOST_DELIVERED)
    this.#wanted = this.#delivered.map(({ filter }) => wantedByStored(filter))
  }
}

/** A way back does not say what was delivered before it. */
function wayBackAt(saved: Position): string | undefined {
  // Times differ from host to host: events around that time would be lost if they were left out.
  if (saved.host === '') return 'the stream was on its way back to a time'
  return isBeforeAll(saved) ? 'the stream was on its way back to the oldest event' : undefined
}

/**
 * Whether an event that `now` wants is known to stand at a position of `filter`. Without a time it
 * is the position before all, or one that was passed without an event.
 */
const isEventOf = (filter: StoredFilter, now: StoredFilter, { time_us }: Position): boolean =>
  time_us > 0 && isNarrower(filter, now)

const either = (one: Wanted | undefined, other: Wanted | undefined): Wanted | undefined =>
  one === undefined || other === undefined
    ? (one ?? other)
    : (kind, did, collection) => one(kind, did, collection) || other(kind, did, collection)

/**
 * The event at the position itself may be the one that was not done. A log that was renumbered has
 * low numbers for new events, and their times are later.
 */
const isBefore = (host: string, position: number, time_us: number, end: DeliveredBefore): boolean =>
  end.host === host && position < end.position && (time_us <= end.time_us || end.time_us === 0)

/** Whether nothing from `position` on can be among what was delivered. */
const isPast = (position: Position, end: DeliveredBefore): boolean =>
  position.host === end.host ? position.position > end.position : position.time_us > end.time_us

/** The format of a named stream's positions. Other readers see a position without a name. */
export const formatWith = (history: FilterHistory): OwnFormat<SavedPosition> => ({
  ...positionFormat,
  write: (position) => positionFormat.write({ ...position, ...history.beside(position) }),
})

// --- Stored filters ---

export function storedFilter({ collections, kinds, dids }: EventFilters): StoredFilter {
  const list = dids && sorted(dids)
  const short = list && (list.length > MOST_DIDS ? `${list.length}:${hashOf(list.join())}` : list)
  return {
    ...(collections && { collections: sorted(collections) }),
    // An empty list of kinds limits nothing; the other lists are empty where nobody is wanted.
    ...(kinds?.length && { kinds: sorted(kinds) }),
    ...(short && { dids: short }),
  }
}

const sorted = (list: readonly string[]): readonly string[] => [...new Set(list)].sort()

const isSame = (one: StoredFilter, other: StoredFilter): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/** Whether `before` wanted everything that `now` wants. */
const isNarrower = (now: StoredFilter, before: StoredFilter): boolean =>
  isWithin(now.collections, before.collections, covers) &&
  isWithin(now.kinds, before.kinds, isEqual) &&
  isWithin(now.dids, before.dids, isEqual)

type Limit = readonly string[] | string | undefined

function isWithin(now: Limit, before: Limit, includes: typeof isEqual): boolean {
  if (before === undefined) return true
  if (now === undefined) return false
  if (typeof now === 'string' || typeof before === 'string') return now === before
  return now.every((one) => before.some((other) => includes(other, one)))
}

const isEqual = (one: string, other: string): boolean => one === other

/** Nothing is known to be delivered where the DIDs are not known. */
function wantedByStored({ collections, kinds, dids }: StoredFilter): Wanted {
  const isNobody = collections?.length === 0 || dids?.length === 0 || typeof dids === 'string'
  return isNobody ? () => false : wantedBy({ collections, kinds, dids } as EventFilters)
}
