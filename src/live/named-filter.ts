import type { EventFilters, Wanted } from '../atproto/filters.js'
import type { PositionKeys } from '../cursors/load-position.js'
import type { CheckpointOptions } from '../delivery/checkpoint-options.js'
import type { FilteredStream, FilterHistory } from './filter-history.js'
import type { CursorProtocol } from './protocol.js'

/** The filter of a stream that has a name in a store, beside whose position it is stored. */
export interface NamedFilter extends FilteredStream {
  /** There as soon as the checkpoint is. */
  history: FilterHistory | undefined
}

/** That of a stream with a name; without one, another filter is another stream. */
export const namedFilter = (
  checkpoint: CheckpointOptions | undefined,
  { key }: PositionKeys,
  current: () => EventFilters,
): NamedFilter | undefined =>
  checkpoint?.name === undefined
    ? undefined
    : { key, onFilterChange: checkpoint.onFilterChange ?? 'resume', current, history: undefined }

/**
 * Leaves out what earlier filters have delivered. `isNew`: whether an event, or a part of it, is
 * wanted now and was not wanted by them.
 */
export function withoutDelivered<Event>(
  protocol: CursorProtocol<Event>,
  filter: NamedFilter | undefined,
  isNew: (event: Event, delivered: Wanted) => boolean,
): CursorProtocol<Event> {
  const history = filter?.history
  if (!history?.isActive) return protocol
  const { host, cursorOf, timeOf } = protocol
  const wants = (event: Event): boolean => {
    if (!protocol.wants(event)) return false
    const delivered = history.deliveredAt(host, cursorOf(event), timeOf(event))
    return delivered === undefined || isNew(event, delivered)
  }
  // A spread would read a getter once.
  const members = Object.getOwnPropertyDescriptors(protocol)
  return Object.defineProperties({} as typeof protocol, {
    ...members,
    wants: { value: wants, enumerable: true },
  })
}
