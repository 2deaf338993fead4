import type { Row } from './entry.js'

/** What Redis answered to rows that were handed to it. */
export type Appended =
  /** The first `done` of them are in the stream. */
  | {
      readonly kind: 'done'
      readonly done: number
      readonly written: number
      readonly duplicates: number
    }
  /**
   * Redis has lost what it had taken before. Rows that `isKept` are in the stream still; all are
   * known to be so, unless `mayMiss`. Nothing was written.
   */
  | { readonly kind: 'lost'; readonly isKept: (row: Row) => boolean }

/**
 * How rows get their ids, and how one that was written before is recognised. State of one stream
 * and one subscription.
 */
export interface Ids {
  /** Finds out the mistakes and what the stream holds. Leaves nothing behind. */
  open(): Promise<void>
  /**
   * Adds as many of the rows as it can, in order, at once or not at all. Called again with the same
   * rows after an error.
   */
  append(rows: readonly Row[]): Promise<Appended>
}
