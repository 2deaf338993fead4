import { duration } from '../../cli/text.js'
import type { Outage } from './outage.js'

/** What must be there for the program to do its work. */
export interface Part {
  /** Follows "has been": `away`, `not connected`. */
  readonly name: string
  readonly away: Outage
}

/**
 * What is wrong, one clause each: what has been away for longer than `limitMs`. A short absence is
 * no concern, it mends itself.
 */
export const healthProblems = (parts: readonly Part[], limitMs: number): readonly string[] =>
  parts.flatMap(({ name, away: { forMs } }) =>
    forMs > limitMs ? [`${name} has been away for ${duration(forMs)}`] : [],
  )
