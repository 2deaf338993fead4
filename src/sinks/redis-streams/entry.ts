import type { Holding } from '../../delivery/delivery.js'

/** Where an event stands in its source: what tells whether it was written before. */
export interface EntryPlace {
  readonly host: string
  readonly position: number
  /** Its place among those that share the position. */
  readonly index: number
  /** Its place among the values that became of one event. */
  readonly copy: number
}

/** What goes into a stream. It is kept after it was written, so it keeps nothing of the event. */
export interface Row {
  readonly place: EntryPlace
  readonly fields: readonly string[]
  /** What it goes by in Redis: an entry id, or a member of a set; '' until it is known. */
  id: string
}

/** An event on its way to a stream. */
export interface SinkEntry<Event> {
  readonly event: Event
  readonly holding: Holding | undefined
  /** Which of the streams. */
  readonly partition: number
  readonly row: Row
}
