import type { Entry } from './entry.js'
import type { Group } from './group.js'

/**
 * The fields of a dead letter: the entry's own, so that it can be read as it could before, and
 * where it was and why it is here.
 */
export const letterOf = (
  { id, fields, deliveries }: Entry,
  { stream, name, consumer }: Group,
  reason: string,
): readonly string[] => [
  ...fields,
  ...['dead:id', id],
  ...['dead:stream', stream],
  ...['dead:group', name],
  ...['dead:consumer', consumer],
  ...['dead:deliveries', `${deliveries}`],
  ...['dead:reason', reason],
]
