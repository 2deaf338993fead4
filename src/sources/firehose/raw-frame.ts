import { PrivateFieldHost } from '../../internal/private-field-host.js'
import { shared } from '../../internal/shared.js'

class Framed extends PrivateFieldHost {
  #frame: Uint8Array

  constructor(event: object, frame: Uint8Array) {
    super(event)
    this.#frame = frame
  }

  static frameOf(event: object): Uint8Array | undefined {
    return #frame in event ? event.#frame : undefined
  }
}

// One class for all copies of this library: only the class that made a private field can read it.
const SharedFramed = shared('raw-frame.1', () => Framed)

/** Attaches the frame to an event. */
export const keepFrame = (event: object, frame: Uint8Array): void => {
  new SharedFramed(event, frame)
}

/**
 * Returns the frame of an event of `firehose$`: the bytes as received, header and body. All events
 * of a commit share one frame. Returns `undefined` for a copy of an event, and for an event of
 * another source. An event keeps its frame in memory as long as the event itself is in memory.
 *
 * @example
 * ```ts
 * firehose$({ kinds: ['sync'] }).subscribe((event) => {
 *   console.log(event.did, rawFrame(event)?.length)
 * })
 * ```
 */
export const rawFrame = (event: object): Uint8Array | undefined => SharedFramed.frameOf(event)
