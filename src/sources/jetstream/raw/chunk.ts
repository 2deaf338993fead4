import type { JetstreamEvent, RecordMap } from '../../../events.js'
import { rawText } from '../lazy/raw-text.js'

/**
 * The events that one read of the socket brought, some hundred of them, in order and in one
 * delivery. An index that no event has is a `RangeError`.
 */
export interface JetstreamChunk<Records extends RecordMap = RecordMap>
  extends Iterable<JetstreamEvent<Records>> {
  /** How many events there are: at least one. */
  readonly length: number
  /** All of {@link text}, each with a line feed behind it, as UTF-8: lines of JSON. */
  readonly lines: Uint8Array
  /** `'commit'`, `'identity'`, `'account'`, `'sync'`, or what servers add. */
  kind(index: number): string
  /** The collection of a commit; `undefined` for every other kind. */
  collection(index: number): string | undefined
  did(index: number): string
  /**
   * The JSON as it was received, but with a space for each line feed. On wire v2 that is the whole
   * message, with its `$type` and `payload`.
   */
  text(index: number): string
  /** The event, as `decode: 'raw'` makes it. Each call makes another one. */
  event(index: number): JetstreamEvent<Records>
}

/**
 * A chunk of events that were read one by one: where there are no bytes to scan, and where the
 * stream looks at each event itself.
 */
export class EventChunk implements JetstreamChunk {
  constructor(private readonly events: readonly JetstreamEvent[]) {}

  get length(): number {
    return this.events.length
  }

  get lines(): Uint8Array {
    return new TextEncoder().encode(this.events.map((event) => `${lineOf(event)}\n`).join(''))
  }

  kind(index: number): string {
    return this.event(index).kind
  }

  collection(index: number): string | undefined {
    const event = this.event(index)
    return event.kind === 'commit' ? event.commit.collection : undefined
  }

  did(index: number): string {
    return this.event(index).did
  }

  text(index: number): string {
    return lineOf(this.event(index))
  }

  event(index: number): JetstreamEvent {
    const event = this.events[index]
    if (event === undefined) throw outOfRange(index, this.length)
    return event
  }

  [Symbol.iterator](): Iterator<JetstreamEvent> {
    return this.events[Symbol.iterator]()
  }
}

const lineOf = (event: JetstreamEvent): string =>
  (rawText(event) ?? JSON.stringify(event)).trimEnd().replaceAll('\n', ' ')

export const outOfRange = (index: number, length: number): RangeError =>
  new RangeError(`the chunk has no event ${index}, but 0 to ${length - 1}`)
