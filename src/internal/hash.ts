/** {@link hashNumber} in base 36. Shortens a long filter in the name of a stream. */
export const hashOf = (text: string): string => hashNumber(text).toString(36)

/** FNV-1a in two lanes, 53 bits of them. Not for secrets. */
export function hashNumber(text: string): number {
  let [low, high] = [0x811c9dc5, 0x01000193]
  for (let i = 0; i < text.length; i += 1) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193)
    high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b)
  }
  return ((high >>> 0) & 0x1fffff) * 2 ** 32 + (low >>> 0)
}
