import { ConfigError } from '../../errors.js'
import type { JetstreamFilters } from './filters.js'

/**
 * Splits a filter over connections. A repository stays on the connection where it is, since another
 * one may be behind or ahead. `lists`: what each connection has now, `undefined` without a limit.
 */
export function splitDids(
  filters: JetstreamFilters,
  most: number,
  lists: readonly (readonly string[] | undefined)[],
): readonly JetstreamFilters[] {
  if (filters.dids === undefined) return [whole(filters, lists.length)]
  const wanted = new Set(filters.dids)
  const parts = lists.map((list = []) => list.filter((did) => wanted.delete(did)))
  const rest = [...wanted]
  for (const part of parts) part.push(...rest.splice(0, most - part.length))
  if (rest.length > 0 || parts.length === 0) parts.push(...evenly(rest, most))
  return parts.map((dids) => ({ ...filters, dids }))
}

/**
 * As few lists as hold all, of even length, dealt out in turn. A list often ends with its quietest
 * repositories, and a connection of those alone would hold the checkpoint back.
 */
function evenly(dids: readonly string[], most: number): readonly string[][] {
  const count = Math.max(1, Math.ceil(dids.length / most))
  return Array.from({ length: count }, (_, turn) =>
    dids.filter((_did, index) => index % count === turn),
  )
}

function whole(filters: JetstreamFilters, connections: number): JetstreamFilters {
  if (connections <= 1) return filters
  const message = `cannot be left out any more: they are read over ${connections} connections`
  throw new ConfigError('filters$', [{ option: 'dids', message }])
}

/** Whether two filters ask a server for the same. */
export const isSameFilter = (one: JetstreamFilters, other: JetstreamFilters): boolean =>
  isSameList(one.collections, other.collections) &&
  isSameList(one.kinds, other.kinds) &&
  isSameList(one.dids, other.dids) &&
  one.maxMessageSizeBytes === other.maxMessageSizeBytes

const isSameList = (
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): boolean => one?.length === other?.length && (one ?? []).every((item, i) => item === other?.[i])
