import {
  filter,
  merge,
  type Observable,
  type Subscriber,
  Subscription,
  startWith,
  take,
  takeUntil,
  timer,
} from 'rxjs'
import type { RedisCommands } from '../../redis-client/client.js'
import { evictionPolicy } from '../../redis-client/eviction.js'
import type { StreamOptions } from './config.js'
import { Deliveries } from './deliveries.js'
import type { Lease } from './partitions/lease.js'
import { Leases } from './partitions/leases.js'
import { PendingEntries } from './pending-entries.js'
import { Reader } from './reader.js'
import { Session } from './session.js'

/**
 * One subscription: puts its parts together, and ends them in order. An entry goes from a
 * {@link Reader} through {@link PendingEntries} into {@link Deliveries}, and back to Redis as an
 * ack.
 */
export class Consumer {
  readonly #session: Session
  // By stream. Both outlive the reading of a partition.
  readonly #pending = new Map<string, PendingEntries>()
  readonly #readers = new Map<string, Reader>()
  readonly #deliveries: Deliveries
  readonly #leases: Leases | undefined

  constructor(
    commands: RedisCommands,
    private readonly options: StreamOptions,
    subscriber: Subscriber<unknown>,
  ) {
    this.#session = new Session(commands, options)
    this.#deliveries = new Deliveries(this.#session, subscriber, this.#pending)
    const { partitions } = options
    const readerOf = (stream: string, lease: Lease) => this.#readerOf(stream, lease)
    if (partitions !== undefined) this.#leases = new Leases(this.#session, partitions, readerOf)
  }

  start(): Subscription {
    const { stream } = this.#deliveries
    const { statusChanged$, failed$, ended$ } = this.#session
    const work$ = this.#leases?.run$() ?? this.#readerOf(this.options.stream, undefined).run$()
    statusChanged$.subscribe(() => this.#deliveries.publishStatus())
    failed$.subscribe((error) => stream.fail(error))
    // Beside the reading, which does not wait for the answer.
    statusChanged$
      .pipe(
        filter(() => this.#session.hasBegun),
        take(1),
      )
      .subscribe(() => this.#warnOfEviction())
    stream.report.publish()
    // The work goes on for a while after the end of the subscription.
    merge(work$, stream.clock$)
      .pipe(takeUntil(ended$))
      .subscribe({ error: (error) => this.#session.fail(error) })
    return new Subscription(() => this.#stop())
  }

  #readerOf(stream: string, lease: Lease | undefined): Reader {
    const pending = this.#pending.get(stream) ?? new PendingEntries(stream, this.#session)
    const reader = new Reader(pending, this.#deliveries, this.#session, lease)
    this.#pending.set(stream, pending)
    this.#readers.set(stream, reader)
    return reader
  }

  async #warnOfEviction(): Promise<void> {
    const { stream, partitions, log } = this.options
    const isShared = partitions !== undefined
    const key = isShared ? `${stream}{0}` : stream
    const policy = await evictionPolicy(this.#session.commands, key)
    // A lease has a time to live: any policy may evict it.
    if (policy?.startsWith('allkeys-') || (isShared && policy !== undefined))
      log.warn(
        `Redis may delete \`${stream}\`, its group or its leases to make room \
(\`maxmemory-policy\` is ${policy}): set noeviction, or entries are lost`,
      )
  }

  // --- The end ---

  #stop(): void {
    this.#deliveries.stream.stop()
    this.#leases?.stop()
    for (const reader of this.#readers.values()) reader.stop()
    // Deliveries that fail with this end are decided on in a microtask, first.
    queueMicrotask(() => {
      merge(this.#idle$(), timer(this.options.lingerMs))
        .pipe(take(1))
        .subscribe(() => this.#session.end(this.#leases?.leave()))
    })
  }

  #idle$(): Observable<unknown> {
    return this.#session.changed$.pipe(
      startWith(undefined),
      filter(
        () =>
          this.#deliveries.stream.closed &&
          [...this.#pending.values()].every(({ isIdle }) => isIdle),
      ),
    )
  }
}
