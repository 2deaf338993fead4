import { lastValueFrom, timer } from 'rxjs'
import type { Entry } from './entry.js'
import type { Group } from './group.js'
import type { Session } from './session.js'

// One command with all ids of a busy tick would delay the commands of others.
const MAX_IDS = 1000

/**
 * Writes acks and dead letters to Redis: those of one tick together, retried until Redis has them.
 * Nothing waits for it.
 */
export class Acks {
  readonly #acks = new Set<Entry>()
  readonly #deadLetters = new Map<Entry, readonly string[]>()
  #writing: Promise<void> | undefined
  #error: unknown

  constructor(
    private readonly group: Group,
    private readonly deadLetter: string | undefined,
    private readonly session: Session,
    /** Receives the entries that Redis knows the end of. */
    private readonly onAcked: (entries: readonly Entry[]) => void,
  ) {}

  get isIdle(): boolean {
    return this.#writing === undefined
  }

  ack(entry: Entry): void {
    this.#acks.add(entry)
    this.#write()
  }

  /** Acks the entry after its dead letter is written, or at once without a dead letter stream. */
  moveToDeadLetter(entry: Entry, fields: readonly string[]): void {
    if (this.deadLetter === undefined) this.#acks.add(entry)
    else this.#deadLetters.set(entry, fields)
    this.#write()
  }

  /**
   * Settles when everything is written; rejects when that is impossible. `undefined`: nothing is
   * left to write.
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
    if (error !== undefined) this.session.fail(error)
    this.session.changed$.next()
  }

  async #writeAll(): Promise<void> {
    // Entries that end in the same tick go together.
    await lastValueFrom(timer(0))
    while (this.#acks.size > 0 || this.#deadLetters.size > 0) {
      try {
        await this.#writeAcks()
        await this.#writeDeadLetters()
        this.session.recovered(this)
      } catch (error) {
        await this.session.retry(this, error)
      }
    }
  }

  async #writeAcks(): Promise<void> {
    const entries = [...this.#acks].slice(0, MAX_IDS)
    if (entries.length === 0) return
    await this.group.ack(entries.map(({ id }) => id))
    for (const entry of entries) this.#acks.delete(entry)
    this.onAcked(entries)
  }

  async #writeDeadLetters(): Promise<void> {
    for (const [entry, fields] of this.#deadLetters) {
      await this.group.moveToDeadLetter(entry.id, this.deadLetter ?? '', fields)
      this.#deadLetters.delete(entry)
      this.onAcked([entry])
    }
  }
}
