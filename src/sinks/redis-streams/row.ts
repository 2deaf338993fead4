import type { Holding } from '../../delivery/delivery.js'
import type { EntryField } from '../../redis-entries/entry-format.js'

/** The position of a value in its source, by which a value that was written before is found. */
export interface RowPlace {
  readonly host: string
  readonly position: number
  /** Its index among the values at the same position. */
  readonly index: number
  /** Its index among the values made of one event. */
  readonly copy: number
}

/** What is written to a stream. It is kept afterwards, and so holds no reference to the event. */
export interface Row {
  readonly place: RowPlace
  readonly field: EntryField
  /** Its name in Redis, an entry id or a member of a set; '' until it is known. */
  id: string
}

/** An event on its way to a stream. */
export interface OutgoingEvent<Event> {
  readonly event: Event
  readonly holding: Holding | undefined
  /** Its partition, modulo the number of partitions. */
  readonly hash: number
  readonly row: Row
}
