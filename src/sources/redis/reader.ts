import {
  defer,
  exhaustMap,
  filter,
  firstValueFrom,
  ignoreElements,
  merge,
  type Observable,
  retry,
  startWith,
  timer,
} from 'rxjs'
import { StreamError } from '../../errors.js'
import type { RedisCommands, RedisConnection } from '../../redis-client/client.js'
import type { StreamOptions } from './config.js'
import type { Entry } from './entry.js'
import type { Handed, Trimmed } from './group.js'
import { lost, opened } from './own-connection.js'
import type { Lease } from './partitions/lease.js'
import type { Hand, HandHandlers, HandReader } from './pending-entries.js'
import { type Reads, readsOf } from './read-strategy.js'

/** What a reader tells, and asks. */
export interface ReaderHandlers extends HandHandlers {
  /** The stream and the group are there. */
  began(): void
  /** Entries to deliver, in order. */
  offer(entries: readonly Entry[]): void
  /** Entries that are not to be delivered after all. */
  withdraw(hand: Hand): void
  trimmed(stream: string, trimmed: Trimmed): void
  /** Whether the pipe wants no more for now. */
  readonly paused: boolean
}

/**
 * Reads one stream of a group into a hand: first what the consumer has already, then what nobody
 * has, bounded by what is in the hand.
 */
export class Reader implements HandReader {
  #connection: RedisConnection | undefined
  #stopped = false
  // What was handed out before is taken up, all of it.
  #caughtUp = false
  // The last entry that was new to the group.
  #lastRead: string | undefined
  #began = false

  constructor(
    private readonly hand: Hand,
    private readonly commands: RedisCommands,
    private readonly options: StreamOptions,
    private readonly handlers: ReaderHandlers,
    /**
     * With it, this consumer is the only one that reads the stream, and takes over at once what
     * others had.
     */
    private readonly lease: Lease | undefined,
  ) {
    hand.reader = this
  }

  /** Reads, and keeps what is in hand. Never completes; errors when going on is pointless. */
  run$(): Observable<never> {
    const reading$ = defer(() => this.#read()).pipe(
      retry({ delay: (error) => this.handlers.trouble(this, error) }),
    )
    return merge(reading$.pipe(ignoreElements()), this.#tending$())
  }

  get isReading(): boolean {
    return !this.#stopped && this.lease?.held !== false
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#connection?.close()
    this.handlers.withdraw(this.hand)
    this.hand.wake()
    this.hand.cut()
    // It will not be well again.
    this.handlers.well(this)
  }

  async #read(): Promise<void> {
    if (!this.isReading) return
    // Opened anew after trouble: a client may have closed it for good.
    const connection = this.commands.duplicate()
    this.#connection = connection
    this.#caughtUp = false
    try {
      await this.#begin()
      await opened(connection, () => this.isReading)
      // Well again before there is room for more: both connections answer.
      this.handlers.well(this)
      await (this.lease === undefined ? this.#takeOwn() : this.#takeAll())
      this.#caughtUp = true
      const reads = readsOf(this.hand.group, connection, this.lease)
      while (await this.#hasRoom()) await this.#takeNew(reads)
    } catch (error) {
      // Closed by our own end.
      if (!this.isReading) return
      throw error
    } finally {
      connection.close()
    }
  }

  async #begin(): Promise<void> {
    const begun = await this.hand.group.begin(
      this.options.from,
      this.#began ? (this.#lastRead ?? '0-0') : undefined,
    )
    this.#began = true
    if ((begun === 'again' || begun === 'anew') && this.#lastRead !== undefined)
      this.handlers.trimmed(this.hand.stream, {
        from: this.#lastRead,
        to: begun === 'again' ? this.#lastRead : '',
        count: undefined,
      })
    this.handlers.began()
  }

  // --- What there is ---

  /** What this consumer had when it ended, or when a reply was lost. */
  async #takeOwn(): Promise<void> {
    let after = ''
    while (await this.#hasRoom()) {
      const { last, entries } = await this.hand.group.own(after, this.#wanted, (id) =>
        this.hand.has(id),
      )
      this.#take(entries)
      if (last === undefined) return
      after = last
    }
  }

  /** What any consumer had: with the lease, nobody else reads. */
  async #takeAll(): Promise<void> {
    let after = '0-0'
    while (await this.#hasRoom()) {
      const { next, entries } = await this.hand.group.claim(after, this.#wanted, 0)
      this.#take(entries)
      if (next === '0-0') return
      after = next
    }
  }

  async #takeNew(reads: Reads): Promise<void> {
    const { trimmed, entries } = await reads.now(this.#wanted).catch(lost)
    this.handlers.well(this)
    if (trimmed !== undefined) this.handlers.trimmed(this.hand.stream, trimmed)
    // A lease that is lost shows in the read.
    const read =
      entries.length > 0 || !this.isReading
        ? entries
        : await reads.later(this.#wanted, this.options.blockMs).catch(lost)
    this.#lastRead = read.at(-1)?.id ?? this.#lastRead
    this.#take(read)
  }

  #take(handed: readonly Handed[]): void {
    const entries: Entry[] = []
    const deleted: Handed[] = []
    for (const one of handed) {
      if (this.hand.has(one.id)) continue
      if (one.fields === undefined) deleted.push(one)
      else entries.push(this.hand.take(one, one.fields))
    }
    this.#passDeleted(deleted)
    if (this.isReading) this.handlers.offer(entries)
    // Came too late: the subscription has ended, or another process reads the stream now.
    else for (const entry of entries) this.hand.interrupted(entry)
  }

  #passDeleted(deleted: readonly Handed[]): void {
    const [first, last] = [deleted[0], deleted.at(-1)]
    if (first === undefined || last === undefined) return
    this.handlers.trimmed(this.hand.stream, { from: first.id, to: last.id, count: deleted.length })
    for (const one of deleted) this.hand.pass(one)
  }

  // --- Bounds ---

  get #free(): number {
    return this.options.maxInHand - this.hand.size
  }

  /** Never a trickle: as many as a read may bring, or half of what may be in hand. */
  get #isFree(): boolean {
    return (
      !this.handlers.paused &&
      this.#free >= Math.min(this.options.batchSize, Math.ceil(this.options.maxInHand / 2))
    )
  }

  get #wanted(): number {
    return Math.max(1, Math.min(this.options.batchSize, this.#free))
  }

  /** Settles when there is room; `false`: there never will be. */
  async #hasRoom(): Promise<boolean> {
    if (!this.#isFree && this.isReading)
      await firstValueFrom(
        this.hand.freed$.pipe(
          startWith(undefined),
          filter(() => this.#isFree || !this.isReading),
        ),
      )
    return this.isReading
  }

  // --- Beside the reading ---

  #tending$(): Observable<never> {
    const everyMs = this.options.claimIdleMs / 3
    return timer(everyMs, everyMs).pipe(
      exhaustMap(() => this.#tend().catch((error: unknown) => this.#passOver(error))),
      ignoreElements(),
    )
  }

  /**
   * Says that what is in hand is worked on, and takes over what the dead have left: behind what is
   * taken up at the start, which has its order.
   */
  async #tend(): Promise<void> {
    await this.hand.keep()
    let after = '0-0'
    while (this.#caughtUp && this.#isFree && this.isReading) {
      const { next, entries } = await this.hand.group.claim(
        after,
        this.#wanted,
        this.options.claimIdleMs,
      )
      this.#take(entries)
      if (next === '0-0') return
      after = next
    }
  }

  /** The reading meets the same trouble, and says so. */
  #passOver(error: unknown): void {
    if (!(error instanceof StreamError && error.retryable)) throw error
  }
}
