import { RedisRefusedError, RedisUnavailableError } from '../../errors.js'
import type { RedisCommand, RedisCommands } from '../../redis-client/client.js'
import { entriesOf, listOf, type RedisEntry, streamsOf } from '../../redis-client/replies.js'
import type { Script } from '../../redis-client/script.js'
import { BEGIN, BURY, GIVE_BACK, KEEP } from './scripts.js'

/**
 * An entry that was handed to this consumer. `fields` are absent where the entry was trimmed or
 * deleted before it came.
 */
export interface Handed extends RedisEntry {
  /** How often it was handed out, this time included. */
  readonly deliveries: number
}

/** An entry that this consumer has. */
export interface Kept {
  readonly id: string
  readonly deliveries: number
}

/** Entries that were trimmed before the group had read them: those between two ids. */
export interface Trimmed {
  readonly from: string
  readonly to: string
  readonly count: number | undefined
}

/**
 * Whether the group was there; `again` and `anew`: it had been, and has vanished, behind it the log
 * or not.
 */
export type Begun = 'there' | 'made' | 'again' | 'anew'

/**
 * One consumer of a group, and what it says of one stream. How it gets what is new: see
 * {@link Reads}.
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
    // Acks nothing: a permission that is missing shows now, and not when work is done.
    await this.#send(['XACK', this.stream, this.name, '0-0'])
    return String(begun) as Begun
  }

  /**
   * The consumer's own entries behind the id `after`, but those in hand, handed to it once more.
   */
  async own(
    after: string,
    count: number,
    isInHand: (id: string) => boolean,
  ): Promise<{ readonly last: string | undefined; readonly entries: readonly Handed[] }> {
    const start = after === '' ? '-' : `(${after}`
    const listed = pendingOf(
      await this.#send(['XPENDING', this.stream, this.name, start, '+', `${count}`, this.consumer]),
    )
    const wanted = listed.filter(({ id }) => !isInHand(id))
    return {
      last: listed.at(-1)?.id,
      entries: wanted.length === 0 ? [] : await this.#claimOwn(wanted),
    }
  }

  async #claimOwn(wanted: readonly Kept[]): Promise<readonly Handed[]> {
    const ids = wanted.map(({ id }) => id)
    const claimed = entriesOf(
      await this.#send(['XCLAIM', this.stream, this.name, this.consumer, '0', ...ids]),
    )
    const fields = new Map(claimed.map((entry) => [entry.id, entry.fields]))
    return wanted.map(({ id, deliveries }) => ({
      id,
      fields: fields.get(id),
      deliveries: deliveries + 1,
    }))
  }

  /** Takes over entries that no consumer has touched for `idleMs`, from the id `after` on. */
  async claim(
    after: string,
    count: number,
    idleMs: number,
  ): Promise<{ readonly next: string; readonly entries: readonly Handed[] }> {
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
    const counts = await this.#countsOf(entries)
    return {
      next: String(next),
      entries: [
        ...entries.map((entry) => ({ ...entry, deliveries: counts.get(entry.id) ?? 1 })),
        ...listOf(deleted).map((id) => ({ id: String(id), fields: undefined, deliveries: 1 })),
      ],
    }
  }

  async #countsOf(entries: readonly RedisEntry[]): Promise<ReadonlyMap<string, number>> {
    const [first, last] = [entries[0], entries.at(-1)]
    if (first === undefined || last === undefined) return new Map()
    // Those in hand lie between them.
    const counts = pendingOf(
      await this.#send([
        'XPENDING',
        this.stream,
        this.name,
        first.id,
        last.id,
        '10000',
        this.consumer,
      ]),
    )
    return new Map(counts.map(({ id, deliveries }) => [id, deliveries]))
  }

  async keep(entries: readonly Kept[]): Promise<void> {
    if (entries.length === 0) return
    await this.#run(KEEP, [this.stream], [this.name, this.consumer, ...entries.flatMap(idAndCount)])
  }

  /** Anybody may take these over from now on. */
  async giveBack(entries: readonly Kept[], idleMs: number): Promise<void> {
    const args = entries.flatMap(idAndCount)
    if (args.length > 0)
      await this.#run(GIVE_BACK, [this.stream], [this.name, this.consumer, `${idleMs}`, ...args])
  }

  async ack(ids: readonly string[]): Promise<void> {
    await this.#send(['XACK', this.stream, this.name, ...ids])
  }

  /**
   * Moves an entry to the stream of dead letters, in one step where both are on one node of a
   * cluster, and else in the order that loses nothing.
   */
  async bury(id: string, deadLetter: string, letter: readonly string[]): Promise<void> {
    try {
      await this.#run(BURY, [this.stream, deadLetter], [this.name, id, ...letter])
    } catch (error) {
      if (!(error instanceof RedisRefusedError && error.reason === 'CROSSSLOT')) throw error
      await this.#send(['XADD', deadLetter, '*', ...letter])
      await this.ack([id])
    }
  }

  #send(command: RedisCommand): Promise<unknown> {
    return this.commands.send(command).catch(rethrow)
  }

  #run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return script.run(this.commands, keys, args).catch(rethrow)
  }
}

const idAndCount = ({ id, deliveries }: Kept): readonly string[] => [id, `${deliveries}`]

/** What a read handed out for the first time. */
export const handedOf = (reply: unknown): readonly Handed[] =>
  streamsOf(reply).flatMap(([, entries]) =>
    entries.map(({ id, fields }) => ({ id, fields, deliveries: 1 })),
  )

const pendingOf = (reply: unknown): readonly Kept[] =>
  listOf(reply).map((one) => {
    const [id, , , deliveries] = listOf(one)
    return { id: String(id), deliveries: Number(deliveries) }
  })

/** A group may vanish with a Redis that keeps nothing: it is made again. */
export function rethrow(error: unknown): never {
  if (error instanceof RedisRefusedError && error.reason === 'NOGROUP')
    throw new RedisUnavailableError(error.message, 'NOGROUP', { cause: error })
  throw error
}

export function checked(reply: unknown): unknown {
  if (reply instanceof Error) rethrow(reply)
  return reply
}
