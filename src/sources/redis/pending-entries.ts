import { Subject } from 'rxjs'
import { Acks } from './acks.js'
import { deadLetterFields, Entry, type EntryOwner } from './entry.js'
import { type DeliveredEntry, Group } from './group.js'
import type { Session } from './session.js'

/**
 * The entries of one stream that this process has read and Redis does not know the end of. They
 * outlive their reader: when a partition is lost and taken again, entries still in the pipe are not
 * delivered twice.
 */
export class PendingEntries implements EntryOwner {
  readonly group: Group
  /** There may be room for more, or the reader has stopped. */
  readonly freed$ = new Subject<void>()
  /** The current reader, or the last one. */
  #reader: { readonly isReading: boolean } | undefined
  readonly #acks: Acks
  readonly #entries = new Map<string, Entry>()

  constructor(
    readonly stream: string,
    private readonly session: Session,
  ) {
    const { commands, options } = session
    this.group = new Group(stream, options.group, options.consumer, commands)
    this.#acks = new Acks(this.group, options.deadLetter(stream), session, (entries) =>
      this.#forget(entries),
    )
  }

  readBy(reader: { readonly isReading: boolean }): void {
    this.#reader = reader
  }

  get isReading(): boolean {
    return this.#reader?.isReading === true
  }

  get size(): number {
    return this.#entries.size
  }

  /** Whether the pipe has none of them, and Redis knows the end of all that have ended. */
  get isIdle(): boolean {
    return (
      this.#acks.isIdle && ![...this.#entries.values()].some(({ state }) => state === 'delivered')
    )
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  add({ id, deliveries }: DeliveredEntry, fields: readonly string[]): Entry {
    const entry = new Entry(this, id, fields, deliveries)
    this.#entries.set(id, entry)
    return entry
  }

  /** The entry was trimmed or deleted while it was pending: no consumer can have it any more. */
  ackDeleted({ id, deliveries }: DeliveredEntry): void {
    this.#acks.ack(new Entry(this, id, [], deliveries))
  }

  /** Keeps other consumers from claiming them. */
  keep(): Promise<void> {
    return this.group.keep([...this.#entries.values()])
  }

  /**
   * Reading has stopped. Entries in the pipe may finish; waiting ones are returned to the group.
   * The interruption does not count as a delivery attempt.
   */
  interruptAll(): void {
    const entries = [...this.#entries.values()]
    const waiting = entries.filter(({ state }) => state === 'waiting')
    const delivered = entries.filter(({ state }) => state === 'delivered')
    for (const entry of [...waiting, ...delivered]) entry.deliveries -= 1
    this.giveBack(waiting)
    this.group.keep(delivered).catch(() => {})
  }

  flush(): Promise<void> | undefined {
    return this.#acks.flush()
  }

  // --- How an entry ends ---

  done(entry: Entry): void {
    entry.state = 'ended'
    this.#acks.ack(entry)
  }

  failed(entry: Entry): boolean {
    if (entry.deliveries >= this.session.options.maxDeliveries) {
      this.moveToDeadLetter(entry, `its work failed ${entry.deliveries} times`)
      return false
    }
    if (!this.isReading) {
      this.giveBack([entry])
      return false
    }
    entry.state = 'waiting'
    entry.deliveries += 1
    return true
  }

  interrupted(entry: Entry): void {
    entry.deliveries -= 1
    this.giveBack([entry])
  }

  moveToDeadLetter(entry: Entry, reason: string): void {
    entry.state = 'ended'
    this.#acks.moveToDeadLetter(entry, deadLetterFields(entry, this.group, reason))
  }

  giveBack(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    for (const entry of entries) entry.state = 'ended'
    // If this fails, the next reader claims them all the same, a little later.
    this.group.giveBack(entries, this.session.options.claimIdleMs).catch(() => {})
    this.#forget(entries)
  }

  #forget(entries: readonly Entry[]): void {
    for (const { id } of entries) this.#entries.delete(id)
    this.freed$.next()
    this.session.changed$.next()
  }
}
