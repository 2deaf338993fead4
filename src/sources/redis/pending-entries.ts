import { type Observable, Subject } from 'rxjs'
import type { RedisCommands } from '../../redis-client/client.js'
import { Acks } from './acks.js'
import type { StreamOptions } from './config.js'
import { letterOf } from './dead-letter.js'
import { Entry } from './entry.js'
import { Group, type Handed } from './group.js'

/** What a hand tells, and asks. */
export interface HandHandlers {
  /**
   * Settles when to try again; rejects when that is pointless. `who` is in trouble until it is
   * well.
   */
  trouble(who: object, error: unknown): Promise<unknown>
  well(who: object): void
  fatal(error: unknown): void
  /** Something became of an entry. */
  changed(): void
}

/** Who reads a stream into a hand. */
export interface HandReader {
  /**
   * Whether what is read may be delivered: the subscription goes on, and nobody else reads the
   * stream.
   */
  readonly isReading: boolean
  stop(): void
}

/**
 * What this process has of one stream: entries that are read, until Redis knows how they ended. It
 * outlives its reader: where a partition is lost and taken up again, what is in the pipe still is
 * not delivered a second time.
 */
export class Hand {
  readonly group: Group
  /** The one that reads now, or read last. */
  reader: HandReader | undefined
  readonly #acks: Acks
  readonly #entries = new Map<string, Entry>()
  readonly #freed$ = new Subject<void>()

  constructor(
    readonly stream: string,
    commands: RedisCommands,
    private readonly options: StreamOptions,
    private readonly handlers: HandHandlers,
  ) {
    this.group = new Group(stream, options.group, options.consumer, commands)
    this.#acks = new Acks(this.group, options.deadLetter(stream), {
      acked: (entries) => this.#forget(entries),
      idle: () => handlers.changed(),
      trouble: (error) => handlers.trouble(this.#acks, error),
      well: () => handlers.well(this.#acks),
      failed: (error) => handlers.fatal(error),
    })
  }

  get isReading(): boolean {
    return this.reader?.isReading === true
  }

  get size(): number {
    return this.#entries.size
  }

  /** Whether nothing is in the pipe, and Redis knows all that has ended. */
  get idle(): boolean {
    return (
      this.#acks.idle && ![...this.#entries.values()].some(({ state }) => state === 'delivered')
    )
  }

  /** There may be room for more. */
  get freed$(): Observable<void> {
    return this.#freed$
  }

  /** Looks anew whether there is room. */
  wake(): void {
    this.#freed$.next()
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  take({ id, deliveries }: Handed, fields: readonly string[]): Entry {
    const entry = new Entry(this, id, fields, deliveries)
    this.#entries.set(id, entry)
    return entry
  }

  /** Trimmed or deleted since it was handed out: nobody can have it any more. */
  pass({ id, deliveries }: Handed): void {
    this.#acks.ack(new Entry(this, id, [], deliveries))
  }

  /** Says that what is here is worked on. */
  keep(): Promise<void> {
    return this.group.keep([...this.#entries.values()])
  }

  /**
   * Nobody reads any more. What is in the pipe can still end; what is not yet there is given back.
   * That it is cut short is no fault of either.
   */
  cut(): void {
    const cut = [...this.#entries.values()].filter(
      ({ state }) => state === 'waiting' || state === 'delivered',
    )
    for (const entry of cut) entry.deliveries -= 1
    this.giveBack(cut.filter(({ state }) => state === 'waiting'))
    this.group.keep(cut.filter(({ state }) => state === 'delivered')).catch(() => {})
  }

  flush(): Promise<void> | undefined {
    return this.#acks.flush()
  }

  // --- What becomes of an entry ---

  done(entry: Entry): void {
    entry.state = 'ended'
    this.#acks.ack(entry)
  }

  /** Its work failed. Answers whether it is to be delivered again. */
  failed(entry: Entry): boolean {
    if (entry.deliveries >= this.options.maxDeliveries) {
      this.bury(entry, `its work failed ${entry.deliveries} times`)
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

  /** It failed with the subscription, and not by itself: this delivery does not count. */
  interrupted(entry: Entry): void {
    entry.deliveries -= 1
    this.giveBack([entry])
  }

  bury(entry: Entry, reason: string): void {
    entry.state = 'ended'
    this.#acks.bury(entry, letterOf(entry, this.group, reason))
  }

  /** Lets others have them. */
  giveBack(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    for (const entry of entries) entry.state = 'ended'
    // Whoever reads next claims them all the same, a little later.
    this.group.giveBack(entries, this.options.claimIdleMs).catch(() => {})
    this.#forget(entries)
  }

  #forget(entries: readonly Entry[]): void {
    for (const { id } of entries) this.#entries.delete(id)
    this.#freed$.next()
    this.handlers.changed()
  }
}
