import type { RedisCommand, RedisConnection } from '../../redis-client/client.js'
import { listOf } from '../../redis-client/replies.js'
import { isUnknownScript } from '../../redis-client/script.js'
import { checked, type Group, type Handed, handedOf, rethrow, type Trimmed } from './group.js'
import type { Lease } from './partitions/lease.js'
import { READ, TRIMMED } from './scripts.js'

/** What a read brings. */
export interface Read {
  /** What left the stream before the group had read it. */
  readonly trimmed: Trimmed | undefined
  readonly entries: readonly Handed[]
}

/** How a reader gets what is new to the group, over a connection that it may block. */
export interface Reads {
  /** What is there now. Nothing is trimmed between the look and the read. */
  now(count: number): Promise<Read>
  /** Settles when there may be more, or after `blockMs`, with what came. */
  later(count: number, blockMs: number): Promise<readonly Handed[]>
}

export const readsOf = (
  group: Group,
  connection: RedisConnection,
  lease: Lease | undefined,
): Reads =>
  lease === undefined
    ? new SharedReads(group, connection)
    : new LeasedReads(group, connection, lease)

// A read that blocks may be answered a little late.
const LATE_MS = 5000

/** Among consumers that share the stream. */
class SharedReads implements Reads {
  #hasLooked = false

  constructor(
    private readonly group: Group,
    private readonly connection: RedisConnection,
  ) {}

  async now(count: number): Promise<Read> {
    if (!this.#hasLooked) return { trimmed: await this.#look(), entries: [] }
    const [looked, read] = await this.connection.pipeline([
      TRIMMED.call(...this.#subject),
      [...this.#read(count), 'STREAMS', this.group.stream, '>'],
    ])
    const entries = handedOf(checked(read))
    // The server forgot the script (a failover that the client hid, `SCRIPT FLUSH`), and has read
    // all the same: here alone the look comes after the read.
    const trimmed = isUnknownScript(looked) ? await this.#look() : trimmedOf(checked(looked))
    return { trimmed, entries }
  }

  /** Alone, before the first read of a connection: a pipeline cannot wait for the script's text. */
  async #look(): Promise<Trimmed | undefined> {
    const reply = await TRIMMED.run(this.connection, ...this.#subject).catch(rethrow)
    this.#hasLooked = true
    return trimmedOf(reply)
  }

  get #subject(): [keys: readonly string[], args: readonly string[]] {
    return [[this.group.stream], [this.group.name]]
  }

  async later(count: number, blockMs: number): Promise<readonly Handed[]> {
    const read: RedisCommand = [
      ...this.#read(count),
      'BLOCK',
      `${blockMs}`,
      'STREAMS',
      this.group.stream,
      '>',
    ]
    return handedOf(await this.connection.send(read, blockMs + LATE_MS).catch(rethrow))
  }

  #read(count: number): RedisCommand {
    return ['XREADGROUP', 'GROUP', this.group.name, this.group.consumer, 'COUNT', `${count}`]
  }
}

/**
 * By who has the lease, and looks at that in the same step: a read that Redis serves late, since it
 * hung or this process did, must take nothing that the next owner would then be without. One that
 * blocks cannot look, so that it only waits for something to come.
 */
class LeasedReads implements Reads {
  // The last entry that the group has read.
  #last = '$'

  constructor(
    private readonly group: Group,
    private readonly connection: RedisConnection,
    private readonly lease: Lease,
  ) {}

  async now(count: number): Promise<Read> {
    const { stream, name, consumer } = this.group
    const { key, owner } = this.lease
    const args = [name, owner.name, consumer, `${count}`]
    const reply = await READ.run(this.connection, [stream, key], args).catch(rethrow)
    const [looked, read, last] = listOf(reply)
    if (last === undefined) this.lease.lose()
    this.#last = String(last)
    return { trimmed: trimmedOf(looked), entries: handedOf(read) }
  }

  async later(_: number, blockMs: number): Promise<readonly Handed[]> {
    const wait: RedisCommand = [
      'XREAD',
      'COUNT',
      '1',
      'BLOCK',
      `${blockMs}`,
      'STREAMS',
      this.group.stream,
      this.#last,
    ]
    await this.connection.send(wait, blockMs + LATE_MS)
    return []
  }
}

function trimmedOf(reply: unknown): Trimmed | undefined {
  const [from, to, count] = listOf(reply)
  if (from === undefined) return undefined
  return {
    from: String(from),
    to: String(to),
    count: Number(count) < 0 ? undefined : Number(count),
  }
}
