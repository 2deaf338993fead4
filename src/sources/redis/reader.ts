import {
  defer,
  exhaustMap,
  filter,
  firstValueFrom,
  ignoreElements,
  lastValueFrom,
  merge,
  type Observable,
  retry,
  Subject,
  startWith,
  throwError,
  timer,
} from 'rxjs'
import { RedisRefusedError, RedisUnavailableError, StreamError } from '../../errors.js'
import type { RedisCommands, RedisConnection } from '../../redis/client.js'
import { Acks } from './acks.js'
import type { StreamOptions } from './config.js'
import { Entry } from './entry.js'
import { Group, type Handed, type Trimmed } from './group.js'
import { letterOf } from './letter.js'

/** What a reader tells, and asks. */
export interface ReaderHandlers {
  /** The stream and the group are there. */
  began(): void
  /** Entries to deliver, in order. */
  offer(entries: readonly Entry[]): void
  /** Entries that are not to be delivered after all. */
  withdraw(reader: Reader): void
  trimmed(stream: string, trimmed: Trimmed): void
  /** Settles when to try again; rejects when that is pointless. `who` is in trouble until it is well. */
  trouble(who: object, error: unknown): Promise<unknown>
  well(who: object): void
  fatal(error: unknown): void
  /** Whether the pipe wants no more for now. */
  readonly paused: boolean
  /** Something became of an entry. */
  changed(): void
}

// How long a connection may take, and how often it is looked at.
const CONNECT_MS = 5000
const CONNECT_EVERY_MS = 20

/** One stream of a group, read by one consumer: first what it has already, then what nobody has, bounded by what it has in hand. */
export class Reader {
  readonly #group: Group
  readonly #acks: Acks
  readonly #inHand = new Map<string, Entry>()
  readonly #room$ = new Subject<void>()
  #connection: RedisConnection | undefined
  #stopped = false
  // The last entry that was new to the group.
  #lastRead: string | undefined
  #began = false

  constructor(
    readonly stream: string,
    private readonly commands: RedisCommands,
    private readonly options: StreamOptions,
    private readonly handlers: ReaderHandlers,
    /** Whether this consumer is the only one that reads the stream, and takes over at once what others had: see {@link Leases}. */
    private readonly lease: { readonly held: boolean } | undefined,
  ) {
    this.#group = new Group(stream, options.group, options.consumer, commands)
    this.#acks = new Acks(this.#group, options.deadLetter(stream), {
      acked: (entry) => this.#forget(entry),
      trouble: (error) => handlers.trouble(this.#acks, error),
      well: () => handlers.well(this.#acks),
      failed: (error) => handlers.fatal(error),
    })
  }

  /** Reads, and keeps what is in hand. Never completes; errors when going on is pointless. */
  run$(): Observable<never> {
    const reading$ = defer(() => this.#read()).pipe(retry({ delay: (error) => this.handlers.trouble(this, error) }))
    return merge(reading$.pipe(ignoreElements()), this.#tending$())
  }

  /** Whether what it has read may be delivered: the subscription goes on, and nobody else reads the stream. */
  get isReading(): boolean {
    return !this.#stopped && this.lease?.held !== false
  }

  /** How many entries it has, in whatever state. */
  get size(): number {
    return this.#inHand.size
  }

  /** Whether nothing is in the pipe, and Redis knows all that has ended. */
  get idle(): boolean {
    return this.#acks.idle && ![...this.#inHand.values()].some(({ state }) => state === 'delivered')
  }

  /** Reads no more. What is in the pipe can still end; what is not yet there is given back. That it is cut short is no fault of either. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#connection?.close()
    this.handlers.withdraw(this)
    this.#room$.next()
    const cut = [...this.#inHand.values()].filter(({ state }) => state === 'waiting' || state === 'delivered')
    for (const entry of cut) entry.deliveries -= 1
    this.giveBack(cut.filter(({ state }) => state === 'waiting'))
    this.#group.keep(cut.filter(({ state }) => state === 'delivered')).catch(() => {})
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
    this.#acks.bury(entry, letterOf(entry, this.#group, reason))
  }

  /** The pipe wants more, or an entry is gone. */
  wake(): void {
    this.#room$.next()
  }

  #forget(entry: Entry): void {
    this.#inHand.delete(entry.id)
    this.#room$.next()
    this.handlers.changed()
  }

  /** Lets others have them. */
  giveBack(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    for (const entry of entries) {
      entry.state = 'ended'
      this.#inHand.delete(entry.id)
    }
    // Whoever reads next claims them all the same, a little later.
    this.#group.giveBack(entries, this.options.claimIdleMs).catch(() => {})
    this.handlers.changed()
  }

  // --- Reading ---

  async #read(): Promise<void> {
    if (!this.isReading) return
    // Opened anew after trouble: a client may have closed it for good.
    const connection = this.commands.duplicate()
    this.#connection = connection
    try {
      await this.#begin()
      await this.#opened(connection)
      // Well again before there is room for more: both connections answer.
      this.handlers.well(this)
      await (this.lease === undefined ? this.#takeOwn() : this.#takeAll())
      while (await this.#hasRoom()) await this.#takeNew(connection)
    } catch (error) {
      // Closed by our own end.
      if (!this.isReading) return
      throw error
    } finally {
      connection.close()
    }
  }

  /** A client that keeps no queue refuses commands until it is connected. */
  async #opened(connection: RedisConnection): Promise<void> {
    const retries = CONNECT_MS / CONNECT_EVERY_MS
    const isConnecting = (error: unknown) => error instanceof RedisUnavailableError && error.reason === 'CONNECTION' && this.isReading
    await lastValueFrom(
      defer(() => connection.send(['PING'])).pipe(
        retry({
          delay: (error, attempt) => (attempt <= retries && isConnecting(error) ? timer(CONNECT_EVERY_MS) : throwError(() => error)),
        }),
      ),
    ).catch(lost)
  }

  async #begin(): Promise<void> {
    const begun = await this.#group.begin(this.options.from, this.#began ? (this.#lastRead ?? '0-0') : undefined)
    this.#began = true
    if ((begun === 'again' || begun === 'anew') && this.#lastRead !== undefined)
      this.handlers.trimmed(this.stream, { from: this.#lastRead, to: begun === 'again' ? this.#lastRead : '', count: undefined })
    this.handlers.began()
  }

  /** What this consumer had when it ended, or when a reply was lost. */
  async #takeOwn(): Promise<void> {
    let after = ''
    while (await this.#hasRoom()) {
      const { last, entries } = await this.#group.own(after, this.#wanted, (id) => this.#inHand.has(id))
      this.#take(entries)
      if (last === undefined) return
      after = last
    }
  }

  /** What any consumer had: with the lease, nobody else reads. */
  async #takeAll(): Promise<void> {
    let after = '0-0'
    while (await this.#hasRoom()) {
      const { next, entries } = await this.#group.claim(after, this.#wanted, 0)
      this.#take(entries)
      if (next === '0-0') return
      after = next
    }
  }

  async #takeNew(connection: RedisConnection): Promise<void> {
    const { trimmed, entries } = await this.#group.read(connection, this.#wanted).catch(lost)
    this.handlers.well(this)
    if (trimmed !== undefined) this.handlers.trimmed(this.stream, trimmed)
    const read = entries.length > 0 ? entries : await this.#group.wait(connection, this.#wanted, this.options.blockMs).catch(lost)
    this.#lastRead = read.at(-1)?.id ?? this.#lastRead
    this.#take(read)
  }

  #take(handed: readonly Handed[]): void {
    const fresh = handed.filter(({ id }) => !this.#inHand.has(id))
    this.#passDeleted(fresh.filter(({ fields }) => fields === undefined))
    const entries = fresh.flatMap(({ id, fields, deliveries }) => (fields === undefined ? [] : [new Entry(this, id, fields, deliveries)]))
    for (const entry of entries) this.#inHand.set(entry.id, entry)
    if (this.isReading) this.handlers.offer(entries)
    // Came too late: the subscription has ended, or another process reads the stream now.
    else for (const entry of entries) this.interrupted(entry)
  }

  /** Trimmed or deleted since they were handed out: nobody can have them any more. */
  #passDeleted(deleted: readonly Handed[]): void {
    const [first, last] = [deleted[0], deleted.at(-1)]
    if (first === undefined || last === undefined) return
    this.handlers.trimmed(this.stream, { from: first.id, to: last.id, count: deleted.length })
    for (const { id, deliveries } of deleted) this.#acks.ack(new Entry(this, id, [], deliveries))
  }

  // --- Bounds ---

  get #free(): number {
    return this.options.maxInHand - this.#inHand.size
  }

  /** Never a trickle: as many as a read may bring, or half of what may be in hand. */
  get #isFree(): boolean {
    return !this.handlers.paused && this.#free >= Math.min(this.options.batchSize, Math.ceil(this.options.maxInHand / 2))
  }

  get #wanted(): number {
    return Math.max(1, Math.min(this.options.batchSize, this.#free))
  }

  /** Settles when there is room; `false`: there never will be. */
  async #hasRoom(): Promise<boolean> {
    await firstValueFrom(
      this.#room$.pipe(
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

  /** Says that what is in hand is worked on, and takes over what the dead have left. */
  async #tend(): Promise<void> {
    await this.#group.keep([...this.#inHand.values()])
    let after = '0-0'
    while (this.#isFree && this.isReading) {
      const { next, entries } = await this.#group.claim(after, this.#wanted, this.options.claimIdleMs)
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

/** A connection of our own that its client gave up: another one is opened. */
function lost(error: unknown): never {
  if (!(error instanceof RedisRefusedError && error.reason === 'CLOSED')) throw error
  throw new RedisUnavailableError('the connection to Redis ended', 'CONNECTION', { cause: error })
}
