import { duration } from '../../cli/text.js'

/** How long something has been unavailable: from the start, until it first becomes available. */
export class Outage {
  #since: number | undefined = performance.now()

  /** In milliseconds; 0 while it is available. */
  get forMs(): number {
    return this.#since === undefined ? 0 : performance.now() - this.#since
  }

  update(isAway: boolean): void {
    this.#since = isAway ? (this.#since ?? performance.now()) : undefined
  }
}

/** What the program needs to do its work. */
export interface RequiredPart {
  /** Precedes "has been away". */
  readonly name: string
  readonly outage: Outage
}

/** One clause for each part that has been away for longer than `limitMs`. */
export const healthProblems = (
  parts: readonly RequiredPart[],
  limitMs: number,
): readonly string[] =>
  parts.flatMap(({ name, outage: { forMs } }) =>
    forMs > limitMs ? [`${name} has been away for ${duration(forMs)}`] : [],
  )
