/**
 * Whether an object has more than `known` members. They are counted by `for … in`, since
 * `Object.keys` would allocate for each event.
 */
export function hasMore(object: object, known: number): boolean {
  let count = 0
  for (const _ in object) count += 1
  return count > known
}
