import { random } from 'rxjs-atproto/testing'

/** Decisions that a seed makes: the same ones in each run. */
export class Dice {
  readonly #next: () => number

  /** `name`: whose decisions they are. What one rolls changes nothing for the others. */
  constructor(
    private readonly seed: number,
    name: string,
  ) {
    this.#next = random(seed + hashOf(name))
  }

  /** Dice of somebody else, from the same seed. */
  of(name: string): Dice {
    return new Dice(this.seed, name)
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.#next() * (to - from + 1))
  }

  /** True in so many cases out of one. */
  chance(share: number): boolean {
    return this.#next() < share
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.between(0, list.length - 1)] ?? list[0]
  }
}

/** FNV-1a. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (const character of name)
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return hash
}
