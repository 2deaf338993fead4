/**
 * Whether an object has more than `known` members. Counts them with `for … in`, because
 * `Object.keys` would allocate an array for each event.
 */
export function hasMore(object: object, known: number): boolean {
  let count = 0
  for (const _ in object) count += 1
  return count > known
}
