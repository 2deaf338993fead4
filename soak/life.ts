import type { JournalEntry } from './journal.js'
import type { Task } from './sources.js'

/** One life of a reader. */
export interface Life {
  /** It is about to subscribe. */
  readonly ready: Promise<unknown>
  /** How it ended: killed, by itself and well, or by what went wrong. */
  readonly over: Promise<'killed' | 'ended' | { readonly wrong: string }>
  /** What it wrote so far. */
  readonly entries: readonly JournalEntry[]
  /** Ends it where it stands. */
  kill(): void
  /** Ends it in good order. */
  stop(): void
}

/** Where readers live. */
export interface LifeWorld {
  /** `n`: the number of the life. */
  start(task: Omit<Task, 'journal'>, n: number): Life
  /** Resolves when it is worth a look at what was written. */
  moved(): Promise<unknown>
}
