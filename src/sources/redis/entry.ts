import type { FlatFields } from '../../redis-entries/entry-format.js'
import { placeOf } from './entry-id.js'
import type { Hand } from './pending-entries.js'

/**
 * `waiting`: to be delivered, for the first time or again. `delivered`: in the pipe. `failed`: it
 * was, and what becomes of it is decided next. `ended`: to be acked or buried, or given back.
 */
export type EntryState = 'waiting' | 'delivered' | 'failed' | 'ended'

/** One entry's stay in this process: from its reading until Redis knows how it ended. */
export class Entry {
  state: EntryState = 'waiting'
  readonly position: number
  readonly index: number
  /** What it was decoded to, while it is emitted. */
  events: readonly unknown[] = []

  constructor(
    readonly hand: Hand,
    readonly id: string,
    readonly fields: FlatFields,
    /** How often it was delivered, the next or the present time included. */
    public deliveries: number,
  ) {
    const { position, index } = placeOf(id)
    this.position = position
    this.index = index
  }
}
