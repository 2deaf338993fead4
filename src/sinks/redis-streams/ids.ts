import type { Row } from './row.js'

/** The result of an attempt to add rows. */
export type Appended =
  /** The first `done` rows are in the stream. */
  | {
      readonly kind: 'done'
      readonly done: number
      readonly written: number
      readonly duplicates: number
    }
  /**
   * Redis has lost entries that it had confirmed. The rows for which `isKept` are still in the
   * stream. Nothing was written.
   */
  | { readonly kind: 'lost'; readonly isKept: (row: Row) => boolean }

/**
 * Gives rows their ids, and recognises those that were written before. State of one stream and one
 * subscription.
 */
export interface Ids {
  /** Checks our rights and looks at the stream. Writes nothing that stays. */
  open(): Promise<void>
  /**
   * Adds the rows in order, as many as it can, in one script. After an error it is called again
   * with the same rows.
   */
  append(rows: readonly Row[]): Promise<Appended>
}
