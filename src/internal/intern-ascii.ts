const SLOTS = 1024

interface Known {
  readonly bytes: Uint8Array
  readonly text: string
}

/**
 * Returns a function that interns short ASCII strings such as collection names. Repeated bytes give
 * the same string, which is already hashed.
 */
export function internAscii(): (bytes: Uint8Array, from: number, to: number) => string {
  const known: (Known | undefined)[] = new Array(SLOTS).fill(undefined)
  return (bytes, from, to) => {
    const slot = hash(bytes, to, to - from) & (SLOTS - 1)
    const name = known[slot]
    if (name !== undefined && isAt(name.bytes, bytes, from, to)) return name.text
    // V8 interns the names of members, and compares two interned strings without reading them.
    const [text = ''] = Object.keys({
      [String.fromCharCode(...bytes.subarray(from, to))]: undefined,
    })
    known[slot] = { bytes: Uint8Array.from(bytes.subarray(from, to)), text }
    return text
  }
}

/** Reads the end of a name: collections of one namespace differ there. */
const hash = (bytes: Uint8Array, to: number, length: number): number =>
  Math.imul(
    Math.imul((bytes[to - 1] as number) * 31 + (bytes[to - 2] ?? 0), 31) + (bytes[to - 4] ?? 0),
    31,
  ) +
  (bytes[to - 6] ?? 0) +
  length

function isAt(known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false
  for (let i = 0; i < known.length; i += 1) if (known[i] !== bytes[from + i]) return false
  return true
}
