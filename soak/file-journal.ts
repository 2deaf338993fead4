import { openSync, readFileSync, writeSync } from 'node:fs'
import { entriesIn, type Journal, type JournalEntry, type Kind, lineOf, now } from './journal.js'

/** When a process ends itself: at the n-th entry of a kind, counted from 1. */
export interface Death {
  readonly at: Kind
  readonly count: number
}

/**
 * A journal in a file. What is written to a file survives the death of its process, synced or not.
 */
export class FileJournal implements Journal {
  readonly #file: number
  #left: number

  constructor(
    path: string,
    private readonly death?: Death,
  ) {
    this.#file = openSync(path, 'a')
    this.#left = death?.count ?? 0
  }

  write(kind: Kind, text = ''): void {
    writeSync(this.#file, lineOf(kind, now(), text))
    if (kind === this.death?.at && --this.#left === 0) die()
  }
}

/** Nothing runs after this: the signal is there before the call returns. */
function die(): never {
  process.kill(process.pid, 'SIGKILL')
  for (;;);
}

/** What a process wrote so far. */
export function readJournal(path: string): readonly JournalEntry[] {
  try {
    return entriesIn(readFileSync(path, 'utf8'))
  } catch {
    // It did not come so far as to open it.
    return []
  }
}
