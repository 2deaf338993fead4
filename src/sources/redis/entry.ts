import type { FlatFields } from '../../redis-entries/entry-format.js'
import type { Group } from './group.js'

/**
 * `waiting`: to be delivered, for the first time or again. `delivered`: in the pipe. `failed`: its
 * delivery failed, and what happens next is decided in a moment. `ended`: to be acked, moved to the
 * dead letters, or given back.
 */
export type EntryState = 'waiting' | 'delivered' | 'failed' | 'ended'

/** The pending entries that an entry belongs to, and the ways out of them. */
export interface EntryOwner {
  readonly stream: string
  /** Whether entries of this stream may still be delivered here. */
  readonly isReading: boolean
  done(entry: Entry): void
  /** Its work failed. Returns whether to deliver it again. */
  failed(entry: Entry): boolean
  /** It ended with the subscription, by no fault of its own: this delivery does not count. */
  interrupted(entry: Entry): void
  moveToDeadLetter(entry: Entry, reason: string): void
  /** Lets other consumers have them. */
  giveBack(entries: readonly Entry[]): void
}

/** An entry in this process: from its read until Redis knows how it ended. */
export class Entry {
  state: EntryState = 'waiting'
  readonly position: number
  readonly index: number
  /** The decoded events, while they are emitted. */
  events: readonly unknown[] = []

  constructor(
    readonly owner: EntryOwner,
    readonly id: string,
    readonly fields: FlatFields,
    /** How often it was delivered, including the current or next time. */
    public deliveries: number,
  ) {
    const { position, index } = positionOf(id)
    this.position = position
    this.index = index
  }
}

/**
 * The position and index in an entry id. Ids are two u64, `<milliseconds>-<n>`; `toRedisStream`
 * writes `epoch * 2^53 + position` as the first.
 */
export function positionOf(id: string): { readonly position: number; readonly index: number } {
  const dash = id.indexOf('-')
  // Only ids above 2^53 need more than a number.
  const position =
    dash < 16 ? Number(id.slice(0, dash)) : Number(BigInt.asUintN(53, BigInt(id.slice(0, dash))))
  return { position, index: Number(id.slice(dash + 1)) }
}

/**
 * The fields of a dead letter: the entry's own, so that it is read as before, then where it was and
 * why it is here.
 */
export const deadLetterFields = (
  { id, fields, deliveries }: Entry,
  { stream, name, consumer }: Group,
  reason: string,
): readonly string[] => [
  ...fields,
  ...['dead:id', id],
  ...['dead:stream', stream],
  ...['dead:group', name],
  ...['dead:consumer', consumer],
  ...['dead:deliveries', `${deliveries}`],
  ...['dead:reason', reason],
]
