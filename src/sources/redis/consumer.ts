import {
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
import { Counts } from '../../connection/counts.js'
import { Gaps } from '../../connection/gaps.js'
import type { ConnectionStatus, StreamMetrics } from '../../connection/metrics.js'
import { StreamError } from '../../errors.js'
import type { RedisCommands } from '../../redis/client.js'
import type { StreamOptions } from './config.js'
import { Deliveries, type DeliveriesHandlers } from './deliveries.js'
import type { Entry } from './entry.js'
import { placeOf } from './entry-id.js'
import type { Trimmed } from './group.js'
import { Hand } from './hand.js'
import type { Lease } from './lease.js'
import { type LeaseHandlers, Leases } from './leases.js'
import { Reader } from './reader.js'
import { Troubles } from './troubles.js'

const PUBLISH_EVERY_MS = 1000

/** One subscription: its readers, its deliveries, and how it ends. */
export class Consumer implements LeaseHandlers, DeliveriesHandlers {
  // What metrics tell.
  readonly #counts = new Counts()
  readonly #gaps: Gaps
  readonly #troubles: Troubles
  #began = false
  #error: StreamError | undefined

  #state: 'running' | 'lingering' | 'ended' = 'running'
  readonly #changed$ = new Subject<void>()
  readonly #ended$ = new Subject<void>()
  readonly #hands = new Map<string, Hand>()
  readonly #deliveries: Deliveries
  readonly #leases: Leases | undefined

  constructor(
    private readonly commands: RedisCommands,
    private readonly options: StreamOptions,
    private readonly subscriber: Subscriber<Entry>,
  ) {
    this.#gaps = new Gaps(options.gaps)
    this.#troubles = new Troubles(options.reconnect)
    this.#deliveries = new Deliveries(options, subscriber, this.#counts, this.#gaps, this)
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

  // --- What readers and leases ask ---

  hand(stream: string): Hand {
    const hand = this.#hands.get(stream) ?? new Hand(stream, this.commands, this.options, this)
    this.#hands.set(stream, hand)
    return hand
  }

  reader(stream: string, lease: Lease | undefined): Reader {
    return new Reader(this.hand(stream), this.commands, this.options, this, lease)
  }

  get paused(): boolean {
    return this.#deliveries.paused
  }

  began(): void {
    this.#began = true
    this.#publish()
  }

  offer(entries: readonly Entry[]): void {
    this.#deliveries.offer(entries)
  }

  withdraw(hand: Hand): void {
    this.#deliveries.withdraw(hand)
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

  changed(): void {
    this.#changed$.next()
  }

  // --- What deliveries ask ---

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  get ended$(): Observable<unknown> {
    return this.#ended$
  }

  pause(): void {
    this.#publish()
  }

  resume(emit: () => void): void {
    this.#publish()
    emit()
    for (const hand of this.#hands.values()) hand.wake()
  }

  settledLate(): void {
    if (this.#deliveries.closed) this.#gaps.flush()
    this.#tell()
  }

  flush(): PromiseLike<void> | undefined {
    const writing = [...this.#hands.values()].flatMap((hand) => hand.flush() ?? [])
    return writing.length === 0 ? undefined : Promise.all(writing).then(() => {})
  }

  // --- Trouble ---

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

  // --- The end ---

  #stop(): void {
    this.#state = 'lingering'
    this.#leases?.stop()
    for (const hand of this.#hands.values()) hand.reader?.stop()
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
      filter(() => this.#deliveries.closed && [...this.#hands.values()].every((hand) => hand.idle)),
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
    const { queued, unrouted, last } = this.#deliveries
    const { delivered, open, done, dropped, failed, held } = this.#deliveries.ledger
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
      queued,
      unrouted,
      gaps: this.#gaps.count,
      reconnects: this.#troubles.count,
      currentBackoffMs: this.#troubles.current?.delayMs ?? 0,
      cursor: last,
      checkpoint: undefined,
      checkpointErrors: 0,
    }
  }
}

const UNCOMPRESSED = Object.freeze({ name: 'none' as const })
