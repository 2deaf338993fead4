/**
 * A small seeded generator of numbers in `[0, 1)` (mulberry32): the same seed gives the same
 * numbers on every machine.
 *
 * @example
 * const next = random(7)
 * next() // always 0.0117…
 */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** An integer in `[0, below)`. */
export const integer = (next: () => number, below: number): number => Math.floor(next() * below)

/** One of `list`, which must not be empty. */
export function pick<T>(next: () => number, list: readonly T[]): T {
  return list[integer(next, list.length)] as T
}
