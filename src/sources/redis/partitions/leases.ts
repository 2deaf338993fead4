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
import type { RedisCommands } from '../../../redis-client/client.js'
import type { StreamOptions } from '../config.js'
import type { Hand } from '../pending-entries.js'
import type { Reader, ReaderHandlers } from '../reader.js'
import { JOIN } from '../scripts.js'
import { Lease } from './lease.js'

/** What leases need of their consumer. */
export interface LeaseHandlers extends ReaderHandlers {
  reader(stream: string, lease: Lease): Reader
  hand(stream: string): Hand
}

/**
 * Shares the partitions of a stream among the processes of a group: each has a lease, which is
 * prolonged at each third of its life. Who has more than its share lets go of some, when all that
 * it has of them is done; who has less takes what is free.
 */
export class Leases {
  readonly #me: string
  readonly #members: string
  readonly #held = new Map<number, Lease>()
  // Each lease has an owner of its own: what one is late with must not pass for the next.
  #taken = 0
  #stopped = false

  constructor(
    private readonly commands: RedisCommands,
    private readonly options: StreamOptions,
    private readonly partitions: number,
    private readonly handlers: LeaseHandlers,
    private readonly changed$: Observable<unknown>,
  ) {
    // Two processes of one name are still two.
    this.#me = `${options.consumer} ${crypto.randomUUID()}`
    this.#members = `${options.stream}:members:${options.group}`
  }

  /** Never completes; errors when going on is pointless. */
  run$(): Observable<never> {
    return timer(0, this.options.leaseMs / 3).pipe(
      exhaustMap(() =>
        defer(() => this.#tend()).pipe(
          retry({ delay: (error) => this.handlers.trouble(this, error) }),
        ),
      ),
      ignoreElements(),
    )
  }

  /** Takes no more partitions. Those that it has stay its own until {@link leave}. */
  stop(): void {
    this.#stopped = true
  }

  /** Lets go of all that it has. Settles when Redis has heard it, as far as it can hear. */
  leave(): Promise<unknown> {
    const released = [...this.#held.values()].map((lease) => this.#release(lease))
    return Promise.all([
      ...released,
      this.commands.send(['ZREM', this.#members, this.#me]).catch(() => {}),
    ])
  }

  async #tend(): Promise<void> {
    this.#dropLost()
    const members = await this.#join()
    await Promise.all([...this.#held.values()].map((lease) => lease.prolong()))
    this.#dropLost()
    this.handlers.well(this)
    if (this.#stopped) return
    this.handlers.began()
    const share = shareOf(this.partitions, [...members].sort(), this.#me)
    const reading = [...this.#held.values()].filter(({ leaving }) => !leaving)
    for (const lease of reading.slice(share)) this.#letGo(lease)
    await this.#take(share - reading.length, members)
  }

  async #join(): Promise<readonly string[]> {
    const members = await JOIN.run(
      this.commands,
      [this.#members],
      [this.#me, `${this.options.leaseMs}`],
    )
    return Array.isArray(members) ? members.map(String) : []
  }

  /** Takes up to `count` partitions that are free. */
  async #take(count: number, members: readonly string[]): Promise<void> {
    const first = Math.floor(
      (this.partitions * [...members].sort().indexOf(this.#me)) / members.length,
    )
    for (let i = 0, taken = 0; i < this.partitions && taken < count && !this.#stopped; i += 1) {
      // Each member begins elsewhere, so that not all ask for the same ones.
      const partition = (first + i) % this.partitions
      if (this.#held.has(partition)) continue
      const lease = this.#leaseOf(partition)
      if (!(await lease.take())) continue
      taken += 1
      this.#begin(lease)
    }
  }

  #leaseOf(partition: number): Lease {
    const stream = `${this.options.stream}{${partition}}`
    this.#taken += 1
    const owner = { process: this.#me, name: `${this.#me} ${this.#taken}` }
    return new Lease(
      partition,
      stream,
      `${stream}:lease:${this.options.group}`,
      owner,
      this.commands,
      this.options.leaseMs,
    )
  }

  #begin(lease: Lease): void {
    // The subscription has ended while the lease was asked for.
    if (this.#stopped) {
      this.#release(lease)
      return
    }
    this.#held.set(lease.partition, lease)
    const reader = this.handlers.reader(lease.stream, lease)
    lease.reader = reader
    lease.reading = reader.run$().subscribe({ error: (error) => this.handlers.fatal(error) })
  }

  /** Another process may read these by now. What is in the pipe may still be acked. */
  #dropLost(): void {
    for (const lease of this.#held.values()) {
      if (lease.held) continue
      this.#held.delete(lease.partition)
      lease.reader?.stop()
      lease.reading?.unsubscribe()
    }
  }

  /** Reads no more; when what is in the pipe is done, the next process goes on behind it. */
  #letGo(lease: Lease): void {
    lease.leaving = true
    lease.reader?.stop()
    const hand = this.handlers.hand(lease.stream)
    const idle$ = this.changed$.pipe(
      startWith(undefined),
      filter(() => hand.idle),
    )
    firstValueFrom(merge(idle$, timer(this.options.lingerMs))).then(
      () => this.#release(lease),
      () => {},
    )
  }

  #release(lease: Lease): Promise<unknown> {
    // It may have been lost and taken up again, as another one.
    if (this.#held.get(lease.partition) === lease) this.#held.delete(lease.partition)
    lease.reading?.unsubscribe()
    return lease.release()
  }
}

/** An equal share, and one more for the first of them where it does not divide. */
function shareOf(partitions: number, members: readonly string[], me: string): number {
  const rank = members.indexOf(me)
  return Math.floor(partitions / members.length) + (rank < partitions % members.length ? 1 : 0)
}
