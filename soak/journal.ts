import type { Gap } from 'rxjs-atproto'

/** One thing that a reader did. `at`: nanoseconds of a clock that all processes share. */
export type JournalEntry = { readonly at: number } & (
  | { readonly kind: 'received' | 'handled'; readonly id: string }
  | { readonly kind: 'saving' | 'saved' | 'completed' }
  | { readonly kind: 'gap'; readonly gap: Gap }
  | { readonly kind: 'failed'; readonly message: string }
)

export type Kind = JournalEntry['kind']

/** Where a reader writes what it did, before anybody else can know of it. */
export interface Journal {
  /** Its reader is dead, though the process that they share goes on. */
  readonly dead?: boolean
  write(kind: Kind, text?: string): void
}

/** One line of a journal. Texts have no line breaks: they are ids, messages or JSON. */
export const lineOf = (kind: Kind, at: number, text: string): string => `${kind} ${at} ${text}\n`

/** The entries in a journal's text. A last line without its end was cut by the kill. */
export function entriesIn(journal: string): readonly JournalEntry[] {
  return journal.split('\n').slice(0, -1).map(entryOf)
}

export function entryOf(line: string): JournalEntry {
  const [, kind = '', at = '', text = ''] = /^(\w+) (\d+) (.*)$/s.exec(line) ?? []
  return made(kind as Kind, Number(at), text)
}

export function made(kind: Kind, at: number, text: string): JournalEntry {
  switch (kind) {
    case 'received':
    case 'handled':
      return { kind, at, id: text }
    case 'gap':
      return { kind, at, gap: JSON.parse(text) as Gap }
    case 'failed':
      return { kind, at, message: text }
    default:
      return { kind, at }
  }
}

/**
 * A journal in memory, for readers that share a process. It dies with its reader: what comes later
 * was never done.
 */
export class MemoryJournal implements Journal {
  readonly entries: JournalEntry[] = []
  dead = false

  constructor(private readonly onEntry: (entry: JournalEntry) => void = () => {}) {}

  write(kind: Kind, text = ''): void {
    if (this.dead) return
    const entry = made(kind, now(), text)
    this.entries.push(entry)
    this.onEntry(entry)
  }
}

let last = 0

/**
 * Nanoseconds since the machine began, for all of its processes; no two entries of one process
 * share one.
 */
export function now(): number {
  last = Math.max(last + 1, Number(process.hrtime.bigint()))
  return last
}
