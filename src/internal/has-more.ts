/**
 * Whether an object has more members than these. They are counted and not listed: a list is an
 * allocation for each event.
 */
export function hasMore(object: object, known: number): boolean {
  let count = 0
  for (const _ in object) count += 1
  return count > known
}
