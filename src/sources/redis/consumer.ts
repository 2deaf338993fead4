import {
  asyncScheduler,
  filter,
  ignoreElements,
  interval,
  lastValueFrom,
  merge,
  type Observable,
  Subject,
  type Subscriber,
  Subscription,
  startWith,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs'
import { backoffMs } from '../../connection/backoff.js'
import { Counts } from '../../connection/counts.js'
import type { DeliverySource, Outcome } from '../../connection/delivery.js'
import { Gaps } from '../../connection/gaps.js'
import { type Delivery, Ledger } from '../../connection/ledger.js'
import type { ConnectionStatus, StreamMetrics } from '../../connection/metrics.js'
import { reject } from '../../connection/rejects.js'
import { FrameError, StreamError } from '../../errors.js'
import type { RedisCommands } from '../../redis/client.js'
import type { StreamOptions } from './config.js'
import type { Entry } from './entry.js'
import { placeOf } from './entry-id.js'
import type { Trimmed } from './group.js'
import { Leases } from './leases.js'
import { Reader, type ReaderHandlers } from './reader.js'
import { Troubles } from './troubles.js'

const PUBLISH_EVERY_MS = 1000

/** One subscription: what its readers have read, delivered while the pipe wants it, and told to Redis as it ends. */
export class Consumer implements DeliverySource, ReaderHandlers {
  // What metrics tell.
  queued = 0
  unrouted = 0
  readonly #counts = new Counts()
  readonly #gaps: Gaps
  readonly #ledger: Ledger<Entry>
  readonly #troubles: Troubles
  #began = false
  #last: number | undefined
  #error: StreamError | undefined

  // What is read and not in the pipe.
  readonly #waiting = new Set<Entry>()
  #failures: Entry[] = []
  #pauses = 0
  #emitting = false

  #state: 'running' | 'lingering' | 'ended' = 'running'
  readonly #changed$ = new Subject<void>()
  readonly #ended$ = new Subject<void>()
  readonly #readers = new Set<Reader>()
  readonly #leases: Leases | undefined

  constructor(
    private readonly commands: RedisCommands,
    private readonly options: StreamOptions,
    private readonly subscriber: Subscriber<Entry>,
  ) {
    this.#gaps = new Gaps(options.gaps)
    this.#troubles = new Troubles(options.reconnect)
    this.#ledger = new Ledger<Entry>(this, this)
    if (options.partitions !== undefined) this.#leases = new Leases(commands, options, options.partitions, this, this.#changed$)
  }

  start(): Subscription {
    const work$ = this.#leases?.run$() ?? this.reader(this.options.stream, undefined).run$()
    const clock$ = interval(PUBLISH_EVERY_MS).pipe(
      tap(() => this.#publish()),
      ignoreElements(),
    )
    this.#publish()
    // The work goes on for a while when the subscription has ended.
    merge(work$, clock$)
      .pipe(takeUntil(this.#ended$))
      .subscribe({ error: (error) => this.fatal(error) })
    return new Subscription(() => this.#stop())
  }

  /** A reader whose entries this consumer delivers. */
  reader(stream: string, lease: { readonly held: boolean } | undefined): Reader {
    // Those that have let go of their partition stay until all is told.
    for (const reader of this.#readers) if (!reader.isReading && reader.size === 0) this.#readers.delete(reader)
    const reader = new Reader(stream, this.commands, this.options, this, lease)
    this.#readers.add(reader)
    return reader
  }

  // --- Delivery ---

  offer(entries: readonly Entry[]): void {
    for (const entry of entries) this.#waiting.add(entry)
    this.#emit()
  }

  withdraw(reader: Reader): void {
    for (const entry of this.#waiting) if (entry.reader === reader) this.#waiting.delete(entry)
  }

  /** A loop and not a recursion, since work that ends at once resumes us from within. */
  #emit(): void {
    if (this.#emitting) return
    this.#emitting = true
    for (const entry of this.#waiting) {
      if (this.paused || this.#state !== 'running') break
      this.#waiting.delete(entry)
      if (entry.reader.isReading) this.#deliver(entry)
      else entry.reader.interrupted(entry)
    }
    this.#emitting = false
  }

  #deliver(entry: Entry): void {
    this.#counts.frames += 1
    this.#counts.bytes += bytesOf(entry)
    if (!this.#read(entry)) return
    this.#counts.events += 1
    entry.state = 'delivered'
    this.#last = entry.position
    const time_us = timeOf(entry.events[0])
    this.#counts.eventAt(asyncScheduler.now(), time_us)
    this.#ledger.deliver(entry, entry.reader.stream, entry.position, time_us, this.subscriber, entry.index)
  }

  /** Reads what the entry holds; one that cannot be read, or is never done with, goes to the dead letters. */
  #read(entry: Entry): boolean {
    try {
      if (entry.deliveries > this.options.maxDeliveries)
        throw new FrameError(`the entry was delivered ${entry.deliveries - 1} times, and never ended: its processes died`)
      entry.events = this.options.format.decode(entry.fields)
      return true
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#counts.rejected += 1
      const placed = new FrameError(error.message, { position: entry.position, time_us: 0 }, { cause: error.cause })
      reject(this.options.rejects, entry.reader.stream, JSON.stringify(entry.fields), placed)
      entry.reader.bury(entry, error.message)
      return false
    }
  }

  settled(delivery: Delivery<Entry>, outcome: Outcome): void {
    const { event: entry } = delivery
    if (outcome === 'failed') this.#failed(entry)
    else {
      if (outcome === 'dropped') this.#gaps.drop(delivery, false)
      entry.reader.done(entry)
    }
    if (this.#state === 'running') return
    if (this.#ledger.open === 0) this.#gaps.flush()
    this.#tell()
  }

  /** Decided a moment later: when the stream ends by it, all others in the pipe may fail with it, and only the first is to blame. */
  #failed(entry: Entry): void {
    if (this.#state !== 'running') {
      entry.reader.giveBack([entry])
      return
    }
    entry.state = 'failed'
    this.#failures.push(entry)
    if (this.#failures.length === 1) queueMicrotask(() => this.#decide())
  }

  #decide(): void {
    const [first, ...others] = this.#failures
    this.#failures = []
    if (first !== undefined) this.#retry(first)
    for (const entry of others) {
      if (this.#state === 'running') this.#retry(entry)
      else entry.reader.interrupted(entry)
    }
  }

  #retry(entry: Entry): void {
    if (!entry.reader.failed(entry)) return
    timer(backoffMs(entry.deliveries - 1, this.options.backoff))
      .pipe(takeUntil(this.#ended$))
      .subscribe(() => {
        // Given back meanwhile, with its partition or the subscription.
        if (entry.state === 'waiting') this.offer([entry])
      })
  }

  trimmed(host: string, { from, to, count }: Trimmed): void {
    this.#gaps.report({
      host,
      from: placeOf(from).position,
      to: to === '' ? undefined : placeOf(to).position,
      reason: 'trimmed',
      recoverable: false,
      ...(count === undefined ? {} : { count }),
    })
  }

  // --- What operators ask of the source ---

  get closed(): boolean {
    return this.#state !== 'running' && this.#ledger.open === 0
  }

  get paused(): boolean {
    return this.#pauses > 0
  }

  pause(): void {
    this.#pauses += 1
    if (this.#pauses === 1) this.#publish()
  }

  /** Goes on a moment later: an operator that ends resumes us as well, and our own end follows at once. */
  resume(): void {
    this.#pauses -= 1
    if (!this.paused) queueMicrotask(() => this.#goOn())
  }

  #goOn(): void {
    if (this.paused || this.#state !== 'running') return
    this.#publish()
    this.#emit()
    for (const reader of this.#readers) reader.wake()
  }

  flush(): PromiseLike<void> | undefined {
    const writing = [...this.#readers].flatMap((reader) => reader.flush() ?? [])
    return writing.length === 0 ? undefined : Promise.all(writing).then(() => {})
  }

  // --- Trouble ---

  began(): void {
    this.#began = true
    this.#publish()
  }

  async trouble(who: object, error: unknown): Promise<void> {
    if (!(error instanceof StreamError && error.retryable) || this.#state === 'ended') throw error
    const delayMs = this.#troubles.begin(who, error)
    this.#publish()
    await lastValueFrom(timer(delayMs).pipe(takeUntil(this.#ended$)), { defaultValue: 0 })
  }

  well(who: object): void {
    if (this.#troubles.end(who)) this.#publish()
  }

  fatal(error: unknown): void {
    if (this.#state !== 'running') return
    if (error instanceof StreamError) this.#error = error
    this.subscriber.error(error)
  }

  changed(): void {
    this.#changed$.next()
  }

  // --- The end ---

  #stop(): void {
    this.#state = 'lingering'
    this.#leases?.stop()
    for (const reader of this.#readers) reader.stop()
    this.#waiting.clear()
    this.#publish()
    // Decided first: what fails by this very end.
    queueMicrotask(() => {
      merge(this.#idle$(), timer(this.options.lingerMs))
        .pipe(take(1))
        .subscribe(() => this.#end())
    })
  }

  #idle$(): Observable<unknown> {
    return this.#changed$.pipe(
      startWith(undefined),
      filter(() => this.#ledger.open === 0 && [...this.#readers].every((reader) => reader.idle)),
    )
  }

  #end(): void {
    this.#state = 'ended'
    this.#ended$.next()
    this.#leases?.leave()
    this.#publish()
  }

  // --- Metrics ---

  #publish(): void {
    this.#gaps.flush()
    this.#tell()
  }

  #tell(): void {
    this.options.metrics$?.next(Object.freeze(this.#snapshot()))
  }

  get #status(): ConnectionStatus {
    const host = this.options.stream
    if (this.#state !== 'running')
      return Object.freeze({ state: 'closed', host, ...(this.#error === undefined ? {} : { reason: this.#error }) })
    const trouble = this.#troubles.current
    if (trouble !== undefined) {
      const { attempt, nextAttemptAt, reason } = trouble
      return Object.freeze({ state: 'waiting', host, attempt, nextAttemptAt, reason })
    }
    return Object.freeze({ state: this.paused ? 'paused' : this.#began ? 'open' : 'connecting', host })
  }

  #snapshot(): StreamMetrics {
    const { delivered, open, done, dropped, failed, held } = this.#ledger
    return {
      connection: this.#status,
      compression: UNCOMPRESSED,
      ...this.#counts.snapshot(0),
      delivered,
      open,
      done,
      dropped,
      failed,
      held,
      queued: this.queued,
      unrouted: this.unrouted,
      gaps: this.#gaps.count,
      reconnects: this.#troubles.count,
      currentBackoffMs: this.#troubles.current?.delayMs ?? 0,
      cursor: this.#last,
      checkpoint: undefined,
      checkpointErrors: 0,
    }
  }
}

const UNCOMPRESSED = Object.freeze({ name: 'none' as const })

const bytesOf = ({ fields }: Entry): number => fields.reduce((sum, field) => sum + field.length, 0)

/** The time of an event that has one in our own words. */
function timeOf(event: unknown): number {
  const time_us = (event as { readonly time_us?: unknown } | undefined)?.time_us
  return typeof time_us === 'number' ? time_us : 0
}
