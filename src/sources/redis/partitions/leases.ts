import {
  defer,
  exhaustMap,
  filter,
  firstValueFrom,
  ignoreElements,
  merge,
  type Observable,
  retry,
  type Subscription,
  startWith,
  timer,
} from 'rxjs'
import { readLayout } from '../../../redis-client/partition-layout.js'
import { Script } from '../../../redis-client/script.js'
import type { Reader } from '../reader.js'
import type { Session } from '../session.js'
import { Lease } from './lease.js'

/**
 * KEYS: members. ARGV: this member, and how long it counts without a sign of life. Returns the
 * members.
 */
const JOIN = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%d', now))
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
return redis.call('ZRANGE', KEYS[1], 0, -1)
`)

/** A partition that this process has a lease for. */
interface HeldPartition {
  readonly lease: Lease
  readonly reader: Reader
  readonly reading: Subscription
  /** Released as soon as its entries in the pipe are done. */
  isLeaving: boolean
}

/**
 * Shares the partitions of a stream among the processes of a group. Each partition has a lease,
 * which its process renews at each third of its life. A process above its share lets partitions go
 * when its entries of them are done; one below it takes free ones.
 */
export class Leases {
  readonly #me: string
  readonly #members: string
  readonly #held = new Map<number, HeldPartition>()
  // Each lease has an owner name of its own: a late reply to an old one must not pass for the next.
  #taken = 0
  #isStopped = false
  // The writer may change it: see `repartition`.
  #count: number

  constructor(
    private readonly session: Session,
    partitions: number,
    private readonly readerOf: (stream: string, lease: Lease) => Reader,
  ) {
    const { consumer, stream, group } = session.options
    this.#count = partitions
    // Two processes of one consumer name are still two.
    this.#me = `${consumer} ${crypto.randomUUID()}`
    this.#members = `${stream}:members:${group}`
  }

  /** Never completes; errors when no retry helps. */
  run$(): Observable<never> {
    return timer(0, this.session.options.leaseMs / 3).pipe(
      exhaustMap(() =>
        defer(() => this.#tend()).pipe(
          retry({ delay: (error) => this.session.retry(this, error) }),
        ),
      ),
      ignoreElements(),
    )
  }

  /** Takes no more partitions. Those that it has stay its own until {@link leave}. */
  stop(): void {
    this.#isStopped = true
  }

  /** Releases all partitions. Settles when Redis has answered, or cannot be reached. */
  leave(): Promise<unknown> {
    const released = [...this.#held.values()].map((held) => this.#release(held))
    const left = this.session.commands.send(['ZREM', this.#members, this.#me]).catch(() => {})
    return Promise.all([...released, left])
  }

  async #tend(): Promise<void> {
    this.#dropLost()
    const members = await this.#join()
    await Promise.all([...this.#held.values()].map(({ lease }) => lease.renew()))
    this.#dropLost()
    this.session.recovered(this)
    if (this.#isStopped) return
    this.session.began()
    const { commands, options } = this.session
    this.#count = (await readLayout(commands, options.stream))?.count ?? this.#count
    const share = shareOf(this.#count, members, this.#me)
    // Those above the number are empty, and nothing is written to them any more.
    for (const held of this.#held.values())
      if (held.lease.partition >= this.#count && !held.isLeaving) this.#letGo(held)
    const reading = [...this.#held.values()].filter(({ isLeaving }) => !isLeaving)
    for (const held of reading.slice(share)) this.#letGo(held)
    await this.#take(share - reading.length, members)
  }

  /** Returns the members in their order. */
  async #join(): Promise<readonly string[]> {
    const { commands, options } = this.session
    const members = await JOIN.run(commands, [this.#members], [this.#me, `${options.leaseMs}`])
    return Array.isArray(members) ? members.map(String).sort() : []
  }

  /** Takes up to `count` free partitions. */
  async #take(count: number, members: readonly string[]): Promise<void> {
    const first = Math.floor((this.#count * members.indexOf(this.#me)) / members.length)
    for (let i = 0, taken = 0; i < this.#count && taken < count && !this.#isStopped; i += 1) {
      // Each member begins elsewhere, so that not all ask for the same ones.
      const partition = (first + i) % this.#count
      if (this.#held.has(partition)) continue
      const lease = this.#leaseOf(partition)
      if (!(await lease.take())) continue
      taken += 1
      this.#begin(lease)
    }
  }

  #leaseOf(partition: number): Lease {
    const { commands, options } = this.session
    const stream = `${options.stream}{${partition}}`
    const key = `${stream}:lease:${options.group}`
    this.#taken += 1
    const owner = { process: this.#me, name: `${this.#me} ${this.#taken}` }
    return new Lease(partition, stream, key, owner, commands, options.leaseMs)
  }

  #begin(lease: Lease): void {
    // The subscription may have ended while Redis answered.
    if (this.#isStopped) {
      lease.release()
      return
    }
    const reader = this.readerOf(lease.stream, lease)
    const reading = reader.run$().subscribe({ error: (error) => this.session.fail(error) })
    this.#held.set(lease.partition, { lease, reader, reading, isLeaving: false })
  }

  /** Another process may read these by now. Entries in the pipe may still be acked. */
  #dropLost(): void {
    for (const { lease, reader, reading } of this.#held.values()) {
      if (lease.held) continue
      this.#held.delete(lease.partition)
      reader.stop()
      reading.unsubscribe()
    }
  }

  /** Stops reading. The next process goes on when the entries in the pipe are done. */
  #letGo(held: HeldPartition): void {
    held.isLeaving = true
    held.reader.stop()
    const idle$ = this.session.changed$.pipe(
      startWith(undefined),
      filter(() => held.reader.pending.isIdle),
    )
    firstValueFrom(merge(idle$, timer(this.session.options.lingerMs))).then(
      () => this.#release(held),
      () => {},
    )
  }

  #release(held: HeldPartition): Promise<unknown> {
    const { lease, reading } = held
    // The partition may have been lost and taken again, with another lease.
    if (this.#held.get(lease.partition) === held) this.#held.delete(lease.partition)
    reading.unsubscribe()
    return lease.release()
  }
}

/** An equal share, and one more for the first members where it does not divide. */
function shareOf(partitions: number, members: readonly string[], me: string): number {
  const rank = members.indexOf(me)
  return Math.floor(partitions / members.length) + (rank < partitions % members.length ? 1 : 0)
}
