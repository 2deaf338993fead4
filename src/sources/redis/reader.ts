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
import type { RedisConnection } from '../../redis-client/client.js'
import { asUnavailable, whenOpen } from '../../redis-client/own-connection.js'
import type { Deliveries } from './deliveries.js'
import type { Entry } from './entry.js'
import type { DeliveredEntry } from './group.js'
import type { Lease } from './partitions/lease.js'
import type { PendingEntries } from './pending-entries.js'
import { type ReadStrategy, readStrategyOf } from './read-strategy.js'
import type { Session } from './session.js'

/**
 * Reads one stream of a group into its pending entries: first those that the consumer has already,
 * then new ones, as far as there is room.
 */
export class Reader {
  #connection: RedisConnection | undefined
  #isStopped = false
  // Everything that was pending at the start is taken up.
  #isCaughtUp = false
  // The last entry that was new to the group.
  #lastRead: string | undefined
  #hasBegun = false

  constructor(
    readonly pending: PendingEntries,
    private readonly deliveries: Deliveries,
    private readonly session: Session,
    /** With a lease, no other consumer reads the stream, and this one takes over all pending. */
    private readonly lease: Lease | undefined,
  ) {
    pending.readBy(this)
  }

  /** Reads, and keeps the pending entries. Never completes; errors when no retry helps. */
  run$(): Observable<never> {
    const reading$ = defer(() => this.#read()).pipe(
      retry({ delay: (error) => this.session.retry(this, error) }),
    )
    return merge(reading$.pipe(ignoreElements()), this.#tending$())
  }

  get isReading(): boolean {
    return !this.#isStopped && this.lease?.held !== false
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#connection?.close()
    this.deliveries.withdraw(this.pending)
    this.pending.freed$.next()
    this.pending.interruptAll()
    // A reader that has stopped has no outage any more.
    this.session.recovered(this)
  }

  async #read(): Promise<void> {
    if (!this.isReading) return
    // A new one for each attempt: its client may have closed the last one for good.
    const connection = this.session.commands.duplicate()
    this.#connection = connection
    this.#isCaughtUp = false
    try {
      await this.#begin()
      await whenOpen(connection, () => this.isReading)
      // Before the wait for room: both connections answer.
      this.session.recovered(this)
      while (this.isReading) {
        const strategy = await this.#takePending(connection)
        while (!strategy.isBehind && (await this.#hasRoom())) await this.#readNew(strategy)
      }
    } catch (error) {
      // The connection was closed by our own end.
      if (!this.isReading) return
      throw error
    } finally {
      connection.close()
    }
  }

  /** Takes up what is pending. Returns how to read on after it. */
  async #takePending(connection: RedisConnection): Promise<ReadStrategy> {
    const { group } = this.pending
    const { lease } = this
    this.#isCaughtUp = false
    const leased =
      lease === undefined ? undefined : { lease, lastDelivered: await group.lastDelivered() }
    await (lease === undefined ? this.#takeOwn() : this.#takeAll())
    this.#isCaughtUp = true
    return readStrategyOf(group, connection, leased)
  }

  async #begin(): Promise<void> {
    const lastRead = this.#hasBegun ? (this.#lastRead ?? '0-0') : undefined
    const begun = await this.pending.group.begin(this.session.options.from, lastRead)
    this.#hasBegun = true
    if (begun.startsWith('recreated') && this.#lastRead !== undefined)
      this.deliveries.reportTrimmed(this.pending.stream, {
        from: this.#lastRead,
        to: begun === 'recreated-behind-log' ? this.#lastRead : '',
        count: undefined,
      })
    this.session.began()
  }

  // --- Entries ---

  /** Takes up what this consumer had when it ended, or when a reply was lost. */
  async #takeOwn(): Promise<void> {
    let after = ''
    while (await this.#hasRoom()) {
      const { last, entries } = await this.pending.group.ownPending(after, this.#wanted, (id) =>
        this.pending.has(id),
      )
      this.#take(entries)
      if (last === undefined) return
      after = last
    }
  }

  /** Takes over what any consumer had: under a lease, no other one reads. */
  async #takeAll(): Promise<void> {
    let after = '0-0'
    while (await this.#hasRoom()) {
      const { next, entries } = await this.pending.group.claim(after, this.#wanted, 0)
      this.#take(entries)
      if (next === '0-0') return
      after = next
    }
  }

  async #readNew(strategy: ReadStrategy): Promise<void> {
    const available = await strategy.readAvailable(this.#wanted).catch(asUnavailable)
    this.session.recovered(this)
    if (available.trimmed !== undefined)
      this.deliveries.reportTrimmed(this.pending.stream, available.trimmed)
    let { entries } = available
    // A read may find that the lease is lost.
    if (entries.length === 0 && this.isReading && !strategy.isBehind) {
      const { blockMs } = this.session.options
      entries = await strategy.readBlocking(this.#wanted, blockMs).catch(asUnavailable)
    }
    this.#lastRead = entries.at(-1)?.id ?? this.#lastRead
    this.#take(entries)
  }

  #take(delivered: readonly DeliveredEntry[]): void {
    const entries: Entry[] = []
    const deleted: DeliveredEntry[] = []
    for (const one of delivered) {
      if (this.pending.has(one.id)) continue
      if (one.fields === undefined) deleted.push(one)
      else entries.push(this.pending.add(one, one.fields))
    }
    this.#ackDeleted(deleted)
    if (this.isReading) this.deliveries.offer(entries)
    // Too late: the subscription has ended, or another process reads the stream now.
    else for (const entry of entries) this.pending.interrupted(entry)
  }

  #ackDeleted(deleted: readonly DeliveredEntry[]): void {
    const [first, last] = [deleted[0], deleted.at(-1)]
    if (first === undefined || last === undefined) return
    const range = { from: first.id, to: last.id, count: deleted.length }
    this.deliveries.reportTrimmed(this.pending.stream, range)
    for (const one of deleted) this.pending.ackDeleted(one)
  }

  // --- Bounds ---

  get #free(): number {
    return this.session.options.maxPending - this.pending.size
  }

  /** Room for a whole batch, or for half of the bound: many small reads would cost more. */
  get #hasRoomNow(): boolean {
    const { batchSize, maxPending } = this.session.options
    const isPaused = this.deliveries.stream.isPaused
    return !isPaused && this.#free >= Math.min(batchSize, Math.ceil(maxPending / 2))
  }

  get #wanted(): number {
    return Math.max(1, Math.min(this.session.options.batchSize, this.#free))
  }

  /** Settles with `true` when there is room, with `false` when reading has stopped. */
  async #hasRoom(): Promise<boolean> {
    if (!this.#hasRoomNow && this.isReading)
      await firstValueFrom(
        merge(this.pending.freed$, this.deliveries.resumed$).pipe(
          startWith(undefined),
          filter(() => this.#hasRoomNow || !this.isReading),
        ),
      )
    return this.isReading
  }

  // --- Beside the reading ---

  #tending$(): Observable<never> {
    const everyMs = this.session.options.claimIdleMs / 3
    return timer(everyMs, everyMs).pipe(
      exhaustMap(() => this.#tend().catch(ignoreOutage)),
      ignoreElements(),
    )
  }

  /**
   * Keeps the pending entries, and takes over those of dead consumers. Those come after what is
   * taken up at the start, which has its order.
   */
  async #tend(): Promise<void> {
    await this.pending.keep()
    let after = '0-0'
    while (this.#isCaughtUp && this.#hasRoomNow && this.isReading) {
      const { claimIdleMs } = this.session.options
      const { next, entries } = await this.pending.group.claim(after, this.#wanted, claimIdleMs)
      this.#take(entries)
      if (next === '0-0') return
      after = next
    }
  }
}

/** The reading meets the same outage, and reports it. */
function ignoreOutage(error: unknown): void {
  if (!(error instanceof StreamError && error.retryable)) throw error
}
