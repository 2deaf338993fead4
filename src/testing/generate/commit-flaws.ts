/** What is wrong with a commit. */
export type CommitFlaw =
  /** The CAR lacks the record of the first operation. */
  | 'missing-block'
  /** The CAR has other bytes under the CID of the first operation's record. */
  | 'wrong-block'
  /** `tooBig` is set: no operations, and no block but the commit. */
  | 'too-big'
  /**
   * Legal: an operation that creates, and one that deletes the same path. The record is in no
   * block.
   */
  | 'same-path'
  /** Legal: no operations, as the first commit of a repository has none. */
  | 'no-ops'
  /** The frame ends in its middle. */
  | 'truncated'

/** Which commits have a flaw. */
export interface FlawedCommits {
  readonly do: CommitFlaw
  /** The n-th message and each multiple. Where two flaws are due, the first one listed is meant. */
  readonly every: number
}

/** The flaw of the n-th message, counted from 1. */
export const flawOf = (flaws: readonly FlawedCommits[], n: number): CommitFlaw | undefined =>
  flaws.find(({ every }) => n % every === 0)?.do
