import {
  filter,
  firstValueFrom,
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
import { StreamError } from '../../errors.js'
import type { RedisCommands } from '../../redis-client/client.js'
import { evictionPolicy } from '../../redis-client/eviction.js'
import type { StreamOptions } from './config.js'
import { Deliveries, type DeliveriesHandlers } from './deliveries.js'
import type { Entry } from './entry.js'
import { placeOf } from './entry-id.js'
import type { Trimmed } from './group.js'
import type { Lease } from './partitions/lease.js'
import { type LeaseHandlers, Leases } from './partitions/leases.js'
import { Hand } from './pending-entries.js'
import { Reader } from './reader.js'
import { Report } from './report.js'

const PUBLISH_EVERY_MS = 1000

/** One subscription: its readers, its deliveries, and how it ends. */
export class Consumer implements LeaseHandlers, DeliveriesHandlers {
  #state: 'running' | 'lingering' | 'ended' = 'running'
  readonly #changed$ = new Subject<void>()
  readonly #ended$ = new Subject<void>()
  readonly #hands = new Map<string, Hand>()
  readonly #deliveries: Deliveries
  readonly #report: Report
  readonly #leases: Leases | undefined
  #leaving: Promise<unknown> | undefined

  constructor(
    private readonly commands: RedisCommands,
    private readonly options: StreamOptions,
    private readonly subscriber: Subscriber<Entry>,
  ) {
    this.#deliveries = new Deliveries(options, subscriber, this)
    this.#report = new Report(options, this.#deliveries, this)
    if (options.partitions !== undefined)
      this.#leases = new Leases(commands, options, options.partitions, this, this.#changed$)
  }

  start(): Subscription {
    const work$ = this.#leases?.run$() ?? this.reader(this.options.stream, undefined).run$()
    const clock$ = interval(PUBLISH_EVERY_MS).pipe(
      tap(() => this.#report.publish()),
      ignoreElements(),
    )
    this.#report.publish()
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
    if (!this.#report.began) this.#warnOfEviction()
    this.#report.began = true
    this.#report.publish()
  }

  /** Beside the reading, which does not wait for it. */
  async #warnOfEviction(): Promise<void> {
    const { stream, partitions, log } = this.options
    const isShared = partitions !== undefined
    const policy = await evictionPolicy(this.commands, isShared ? `${stream}{0}` : stream)
    if (policy?.startsWith('allkeys-') || (isShared && policy !== undefined))
      log.warn(
        `Redis may delete \`${stream}\`, its group or its leases to make room (\`maxmemory-policy\` is ${policy}): \
set noeviction, or entries are lost`,
      )
  }

  offer(entries: readonly Entry[]): void {
    this.#deliveries.offer(entries)
  }

  withdraw(hand: Hand): void {
    this.#deliveries.withdraw(hand)
  }

  trimmed(host: string, { from, to, count }: Trimmed): void {
    this.#deliveries.gaps.report({
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
    this.#report.publish()
  }

  resume(emit: () => void): void {
    this.#report.publish()
    emit()
    for (const hand of this.#hands.values()) hand.wake()
  }

  settledLate(): void {
    if (this.#deliveries.closed) this.#report.publish()
    else this.#report.tell()
  }

  flush(): PromiseLike<void> | undefined {
    const writing = [...this.#hands.values()].flatMap((hand) => hand.flush() ?? [])
    if (this.#leases !== undefined) return Promise.all(writing).then(() => this.#left())
    return writing.length === 0 ? undefined : Promise.all(writing).then(() => {})
  }

  /**
   * Settles when the partitions of a subscription that has ended are free for others: whoever is
   * told of its completion may close the client.
   */
  async #left(): Promise<void> {
    if (this.#state === 'lingering') await firstValueFrom(this.#ended$, { defaultValue: undefined })
    await this.#leaving
  }

  // --- Trouble ---

  async trouble(who: object, error: unknown): Promise<void> {
    if (!(error instanceof StreamError && error.retryable) || this.#state === 'ended') throw error
    const delayMs = this.#report.troubles.begin(who, error)
    this.#deliveries.counts.reconnects += 1
    this.#report.publish()
    await lastValueFrom(timer(delayMs).pipe(takeUntil(this.#ended$)), { defaultValue: 0 })
  }

  well(who: object): void {
    if (this.#report.troubles.end(who)) this.#report.publish()
  }

  fatal(error: unknown): void {
    if (this.#state !== 'running') return
    if (error instanceof StreamError) this.#report.error = error
    this.subscriber.error(error)
  }

  // --- The end ---

  #stop(): void {
    this.#state = 'lingering'
    this.#leases?.stop()
    for (const hand of this.#hands.values()) hand.reader?.stop()
    this.#report.publish()
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
    this.#leaving = this.#leases?.leave()
    this.#ended$.next()
    this.#report.publish()
  }
}
