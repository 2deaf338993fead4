import { RedisRefusedError, RedisUnavailableError } from '../../errors.js'
import type { RedisCommand, RedisCommands } from '../../redis-client/client.js'
import {
  entriesOf,
  listOf,
  pairsOf,
  type RedisEntry,
  streamsOf,
} from '../../redis-client/replies.js'
import type { Script } from '../../redis-client/script.js'
import { BEGIN, CLAIM_OWN, GIVE_BACK, KEEP, MOVE_TO_DEAD_LETTER } from './scripts.js'

/** An entry that is pending for this consumer. */
export interface PendingEntry {
  readonly id: string
  /** How often it was delivered to a consumer, including the last time. */
  readonly deliveries: number
}

/**
 * An entry that Redis delivered to this consumer. `fields` are `undefined` if it was trimmed or
 * deleted first.
 */
export interface DeliveredEntry extends PendingEntry, RedisEntry {}

/** The entries between two ids, which were trimmed before the group had read them. */
export interface TrimmedRange {
  readonly from: string
  /** Empty where it is unknown. */
  readonly to: string
  readonly count: number | undefined
}

/**
 * Outcome of ensuring that the group exists: it existed, was created, or had vanished and was
 * recreated: behind the last entry that we had read, or, where the log does not reach it, at the
 * log's beginning.
 */
export type Begun = 'existed' | 'created' | 'recreated-behind-log' | 'recreated-empty'

const MAX_LISTED = 10_000

/**
 * One consumer of a group: its commands for one stream. See {@link ReadStrategy} for how it reads
 * new entries.
 */
export class Group {
  constructor(
    readonly stream: string,
    readonly name: string,
    readonly consumer: string,
    private readonly commands: RedisCommands,
  ) {}

  async begin(from: string, lastRead: string | undefined): Promise<Begun> {
    const begun = await this.#run(BEGIN, [this.stream], [this.name, from, lastRead ?? ''])
    // Acks nothing: a missing permission shows now, and not after the first work.
    await this.#send(['XACK', this.stream, this.name, '0-0'])
    return String(begun) as Begun
  }

  /**
   * Delivers the consumer's own pending entries after the id `after` once more, except those that
   * this process has. `last` is the last id looked at.
   */
  async ownPending(
    after: string,
    count: number,
    isKnown: (id: string) => boolean,
  ): Promise<{ readonly last: string | undefined; readonly entries: readonly DeliveredEntry[] }> {
    const start = after === '' ? '-' : `(${after}`
    const listed = pendingOf(
      await this.#send(['XPENDING', this.stream, this.name, start, '+', `${count}`, this.consumer]),
    )
    const wanted = listed.filter(({ id }) => !isKnown(id))
    return {
      last: listed.at(-1)?.id,
      entries: wanted.length === 0 ? [] : await this.#claimOwn(wanted),
    }
  }

  async #claimOwn(wanted: readonly PendingEntry[]): Promise<readonly DeliveredEntry[]> {
    const ids = wanted.map(({ id }) => id)
    const claimed = await this.#run(CLAIM_OWN, [this.stream], [this.name, this.consumer, ...ids])
    return listOf(claimed).flatMap((one) => {
      const [id, deliveries, fields] = listOf(one)
      const [entry] = entriesOf([[id, fields]])
      return entry === undefined ? [] : [{ ...entry, deliveries: Number(deliveries) }]
    })
  }

  /** Takes over entries, from the id `after` on, that no consumer has touched for `idleMs`. */
  async claim(
    after: string,
    count: number,
    idleMs: number,
  ): Promise<{ readonly next: string; readonly entries: readonly DeliveredEntry[] }> {
    const claim: RedisCommand = [
      'XAUTOCLAIM',
      this.stream,
      this.name,
      this.consumer,
      `${idleMs}`,
      after,
      'COUNT',
      `${count}`,
    ]
    const [next, claimed, deleted] = listOf(await this.#send(claim))
    const entries = entriesOf(claimed).filter(({ fields }) => fields !== undefined)
    return {
      next: String(next),
      entries: [
        ...(await this.#stillPending(entries)),
        ...listOf(deleted).map((id) => ({ id: String(id), fields: undefined, deliveries: 1 })),
      ],
    }
  }

  /**
   * The entries with their counts, except those that have meanwhile been acked by the consumer that
   * had them, or claimed by another one.
   */
  async #stillPending(entries: readonly RedisEntry[]): Promise<readonly DeliveredEntry[]> {
    const [first, last] = [entries[0], entries.at(-1)]
    if (first === undefined || last === undefined) return []
    // Entries that we have already may lie between them: hence not the count of those claimed.
    const listed = pendingOf(
      await this.#send([
        'XPENDING',
        this.stream,
        this.name,
        first.id,
        last.id,
        `${MAX_LISTED}`,
        this.consumer,
      ]),
    )
    const counts = new Map(listed.map(({ id, deliveries }) => [id, deliveries]))
    // A list that is full may have ended before an entry that is still pending.
    const isWhole = listed.length < MAX_LISTED
    return entries
      .filter(({ id }) => counts.has(id) || !isWhole)
      .map((entry) => ({ ...entry, deliveries: counts.get(entry.id) ?? 1 }))
  }

  /** The last entry that any consumer of the group has read. */
  async lastDelivered(): Promise<string> {
    const groups = listOf(await this.#send(['XINFO', 'GROUPS', this.stream]))
    const own = groups
      .map((one) => new Map(pairsOf(one)))
      .find((one) => one.get('name') === this.name)
    return String(own?.get('last-delivered-id') ?? '0-0')
  }

  /** Keeps other consumers from claiming the entries. */
  async keep(entries: readonly PendingEntry[]): Promise<void> {
    if (entries.length === 0) return
    await this.#run(KEEP, [this.stream], [this.name, this.consumer, ...entries.flatMap(idAndCount)])
  }

  /** Any consumer may claim the entries from now on. */
  async giveBack(entries: readonly PendingEntry[], idleMs: number): Promise<void> {
    const args = entries.flatMap(idAndCount)
    if (args.length > 0)
      await this.#run(GIVE_BACK, [this.stream], [this.name, this.consumer, `${idleMs}`, ...args])
  }

  async ack(ids: readonly string[]): Promise<void> {
    await this.#send(['XACK', this.stream, this.name, ...ids])
  }

  /**
   * Moves an entry to the stream of dead letters: in one script, or, where a cluster keeps the two
   * streams on different nodes, in the order that loses nothing.
   */
  async moveToDeadLetter(id: string, deadLetter: string, fields: readonly string[]): Promise<void> {
    try {
      await this.#run(MOVE_TO_DEAD_LETTER, [this.stream, deadLetter], [this.name, id, ...fields])
    } catch (error) {
      if (!(error instanceof RedisRefusedError && error.reason === 'CROSSSLOT')) throw error
      await this.#send(['XADD', deadLetter, '*', ...fields])
      await this.ack([id])
    }
  }

  #send(command: RedisCommand): Promise<unknown> {
    return this.commands.send(command).catch(asRetryable)
  }

  #run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return script.run(this.commands, keys, args).catch(asRetryable)
  }
}

const idAndCount = ({ id, deliveries }: PendingEntry): readonly string[] => [id, `${deliveries}`]

/** The entries of a read, delivered for the first time. */
export const newEntriesOf = (reply: unknown): readonly DeliveredEntry[] =>
  streamsOf(reply).flatMap(([, entries]) =>
    entries.map(({ id, fields }) => ({ id, fields, deliveries: 1 })),
  )

const pendingOf = (reply: unknown): readonly PendingEntry[] =>
  listOf(reply).map((one) => {
    const [id, , , deliveries] = listOf(one)
    return { id: String(id), deliveries: Number(deliveries) }
  })

/** Rethrows. A group vanishes with a Redis that keeps nothing: a retry creates it again. */
export function asRetryable(error: unknown): never {
  if (error instanceof RedisRefusedError && error.reason === 'NOGROUP')
    throw new RedisUnavailableError(error.message, 'NOGROUP', { cause: error })
  throw error
}

/** Throws the errors among the replies of a pipeline. */
export function throwIfError(reply: unknown): unknown {
  if (reply instanceof Error) asRetryable(reply)
  return reply
}
