import type { TapEvent } from './events.js'

/** The work on one event, from its first delivery until its ack. */
export class Work {
  readonly did: string
  readonly record: string
  readonly isCreate: boolean
  /**
   * The ids of the copies that this connection brought. They may only be acked on it.
   */
  ids: number[]
  /** How many of its deliveries are open: two if a later connection had it handled again. */
  open = 1
  /** One of its deliveries failed. */
  failed = false
  /** Its effect may have been undone since. If the event comes again, it is handled again. */
  isStale = false

  constructor(
    readonly key: string,
    event: TapEvent,
  ) {
    this.did = event.did
    this.record = event.type === 'record' ? recordOf(event) : ''
    this.isCreate = event.type === 'record' && event.action === 'create'
    this.ids = [event.id]
  }
}

/**
 * Identifies what happened. An identity event has no revision: two of equal content differ only by
 * their id.
 */
export function keyOf(event: TapEvent): string {
  if (event.type === 'record')
    return `${event.did} ${event.collection} ${event.rkey} ${event.rev} ${event.action}`
  return `${event.did} ${event.id} ${event.handle} ${event.isActive} ${event.status}`
}

/** The record within its repository. */
export const recordOf = ({
  collection,
  rkey,
}: {
  readonly collection: string
  readonly rkey: string
}): string => `${collection} ${rkey}`
