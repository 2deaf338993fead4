import type { RedisCommand, RedisConnection } from '../../redis-client/client.js'
import { listOf } from '../../redis-client/replies.js'
import { isUnknownScript } from '../../redis-client/script.js'
import {
  asRetryable,
  type DeliveredEntry,
  type Group,
  newEntriesOf,
  type TrimmedRange,
  throwIfError,
} from './group.js'
import type { Lease } from './partitions/lease.js'
import { READ, TRIMMED, TRIMMED_BEFORE } from './scripts.js'

/** What one read found. */
export interface Read {
  /** What left the stream before the group had read it. */
  readonly trimmed: TrimmedRange | undefined
  readonly entries: readonly DeliveredEntry[]
}

/** How a reader gets the entries that are new to the group. */
export interface ReadStrategy {
  /** Entries are pending whose reply was lost: they must be taken over before any other is read. */
  readonly isBehind: boolean
  /** Reads what is there, after a look for trimmed entries: none is trimmed in between. */
  readAvailable(count: number): Promise<Read>
  /** Waits up to `blockMs` for a new entry. Returns those that it read, which may be none. */
  readBlocking(count: number, blockMs: number): Promise<readonly DeliveredEntry[]>
}

/** `connection` may be blocked by reads. */
export const readStrategyOf = (
  group: Group,
  connection: RedisConnection,
  lease: { readonly lease: Lease; readonly lastDelivered: string } | undefined,
): ReadStrategy =>
  lease === undefined
    ? new SharedReads(group, connection)
    : new LeasedReads(group, connection, lease.lease, lease.lastDelivered)

// A blocking read may be answered a little late.
const LATE_MS = 5000

/** Reads among other consumers of the stream. */
class SharedReads implements ReadStrategy {
  // Others read too: what was lost is claimed when it was idle for long enough.
  readonly isBehind = false
  #hasLooked = false
  #last = '0-0'

  constructor(
    private readonly group: Group,
    private readonly connection: RedisConnection,
  ) {}

  async readAvailable(count: number): Promise<Read> {
    if (!this.#hasLooked) return { trimmed: await this.#look(), entries: [] }
    const [looked, read] = await this.connection.pipeline([
      TRIMMED.call(...this.#operands),
      [...this.#read(count), 'STREAMS', this.group.stream, '>'],
    ])
    const entries = newEntriesOf(throwIfError(read))
    // The server lost the script (`SCRIPT FLUSH`, or a failover that the client hid) and has read
    // all the same.
    const trimmed = isUnknownScript(looked)
      ? await this.#lookBefore(entries[0]?.id)
      : trimmedRangeOf(throwIfError(looked))
    this.#last = entries.at(-1)?.id ?? this.#last
    return { trimmed, entries }
  }

  /** `first`: the first entry of the read that came before the look. */
  async #lookBefore(first: string | undefined): Promise<TrimmedRange | undefined> {
    if (first === undefined) return this.#look()
    const [keys, [name]] = this.#operands
    const reply = TRIMMED_BEFORE.run(this.connection, keys, [name, this.#last, first])
    return trimmedRangeOf(await reply.catch(asRetryable)) ?? this.#look()
  }

  /** Alone, before the first read of a connection: a pipeline cannot resend the script's text. */
  async #look(): Promise<TrimmedRange | undefined> {
    const reply = await TRIMMED.run(this.connection, ...this.#operands).catch(asRetryable)
    this.#hasLooked = true
    return trimmedRangeOf(reply)
  }

  get #operands(): [keys: readonly string[], args: readonly [name: string]] {
    return [[this.group.stream], [this.group.name]]
  }

  async readBlocking(count: number, blockMs: number): Promise<readonly DeliveredEntry[]> {
    const { stream } = this.group
    const command: RedisCommand = [...this.#read(count), ...blocking(blockMs, stream, '>')]
    const reply = await this.connection.send(command, blockMs + LATE_MS).catch(asRetryable)
    const entries = newEntriesOf(reply)
    this.#last = entries.at(-1)?.id ?? this.#last
    return entries
  }

  #read(count: number): RedisCommand {
    return ['XREADGROUP', 'GROUP', this.group.name, this.group.consumer, 'COUNT', `${count}`]
  }
}

/**
 * Reads only while the lease is held, checked in the same Lua script: a read that Redis serves late
 * must not take entries that now belong to the next owner. A blocking read cannot check, so that it
 * only waits for an entry to arrive.
 */
class LeasedReads implements ReadStrategy {
  #isBehind = false

  constructor(
    private readonly group: Group,
    private readonly connection: RedisConnection,
    private readonly lease: Lease,
    /** The last entry that the group has read. */
    private lastDelivered: string,
  ) {}

  get isBehind(): boolean {
    return this.#isBehind
  }

  async readAvailable(count: number): Promise<Read> {
    const { stream, name, consumer } = this.group
    const { key, owner } = this.lease
    const args = [name, owner.name, consumer, `${count}`, this.lastDelivered]
    const reply = await READ.run(this.connection, [stream, key], args).catch(asRetryable)
    const [looked, read, last] = listOf(reply)
    if (last === undefined) this.lease.lose()
    else if (Array.isArray(looked)) this.lastDelivered = String(last)
    else this.#isBehind = true
    return { trimmed: trimmedRangeOf(looked), entries: newEntriesOf(read) }
  }

  async readBlocking(_: number, blockMs: number): Promise<readonly DeliveredEntry[]> {
    const wait = blocking(blockMs, this.group.stream, this.lastDelivered)
    await this.connection.send(['XREAD', 'COUNT', '1', ...wait], blockMs + LATE_MS)
    return []
  }
}

const blocking = (blockMs: number, stream: string, after: string): readonly string[] => [
  ...['BLOCK', `${blockMs}`],
  ...['STREAMS', stream, after],
]

function trimmedRangeOf(reply: unknown): TrimmedRange | undefined {
  const [from, to, count] = listOf(reply)
  if (from === undefined) return undefined
  return {
    from: String(from),
    to: String(to),
    count: Number(count) < 0 ? undefined : Number(count),
  }
}
