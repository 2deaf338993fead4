/** A flaw of a commit. */
export type CommitFlaw =
  /** The CAR lacks the record of the first operation. */
  | 'missing-block'
  /** The CAR has other bytes under the CID of the first operation's record. */
  | 'wrong-block'
  /** `tooBig` is set: no operations, and no block but the commit. */
  | 'too-big'
  /**
   * Legal: one operation creates a path, and another deletes it. No block has the record.
   */
  | 'same-path'
  /** Legal: no operations, as the first commit of a repository has none. */
  | 'no-ops'
  /** The frame has only its first half. */
  | 'truncated'

/** Which commits have a flaw. */
export interface FlawedCommits {
  readonly do: CommitFlaw
  /** Every n-th message. If two flaws are due, the first one listed applies. */
  readonly every: number
}

/** The flaw of the n-th message, counted from 1. */
export const flawOf = (flaws: readonly FlawedCommits[], n: number): CommitFlaw | undefined =>
  flaws.find(({ every }) => n % every === 0)?.do
