import { lastValueFrom, timer } from 'rxjs'
import type { Entry } from './entry.js'
import type { Group } from './group.js'

// One command with all ids of an entry-rich tick would hold up the others' commands.
const MAX_IDS = 1000

/** What an ack meets. */
export interface AckHandlers {
  /** Redis knows how they ended. */
  acked(entries: readonly Entry[]): void
  /** Nothing more is to be told. */
  idle(): void
  /** Settles when to try again; rejects when that is pointless. */
  trouble(error: unknown): Promise<unknown>
  well(): void
  /** It could not be told to Redis, and will not be. */
  failed(error: unknown): void
}

/**
 * Tells Redis what is done, and what will never be: those of a tick together, and again until they
 * are told. Nothing waits for it.
 */
export class Acks {
  readonly #acks = new Set<Entry>()
  readonly #letters = new Map<Entry, readonly string[]>()
  #writing: Promise<void> | undefined
  #error: unknown

  constructor(
    private readonly group: Group,
    private readonly deadLetter: string | undefined,
    private readonly handlers: AckHandlers,
  ) {}

  get idle(): boolean {
    return this.#writing === undefined
  }

  ack(entry: Entry): void {
    this.#acks.add(entry)
    this.#write()
  }

  /** To the dead letters, where there are any, and then it is acked. */
  bury(entry: Entry, letter: readonly string[]): void {
    if (this.deadLetter === undefined) this.#acks.add(entry)
    else this.#letters.set(entry, letter)
    this.#write()
  }

  /**
   * Settles when everything is told; rejects where that cannot be. `undefined`: nothing is to be
   * told.
   */
  flush(): Promise<void> | undefined {
    return this.#writing?.then(() => {
      if (this.#error !== undefined) throw this.#error
    })
  }

  #write(): void {
    this.#writing ??= this.#writeAll().then(
      () => this.#ended(undefined),
      (error: unknown) => this.#ended(error),
    )
  }

  #ended(error: unknown): void {
    this.#writing = undefined
    this.#error = error
    if (error !== undefined) this.handlers.failed(error)
    this.handlers.idle()
  }

  async #writeAll(): Promise<void> {
    // Those that end in the same tick go together.
    await lastValueFrom(timer(0))
    while (this.#acks.size > 0 || this.#letters.size > 0) {
      try {
        await this.#writeAcks()
        await this.#writeLetters()
        this.handlers.well()
      } catch (error) {
        await this.handlers.trouble(error)
      }
    }
  }

  async #writeAcks(): Promise<void> {
    const entries = [...this.#acks].slice(0, MAX_IDS)
    if (entries.length === 0) return
    await this.group.ack(entries.map(({ id }) => id))
    for (const entry of entries) this.#acks.delete(entry)
    this.handlers.acked(entries)
  }

  async #writeLetters(): Promise<void> {
    for (const [entry, letter] of this.#letters) {
      await this.group.bury(entry.id, this.deadLetter ?? '', letter)
      this.#letters.delete(entry)
      this.handlers.acked([entry])
    }
  }
}
