import type { JetstreamEvent } from '../../../events.js'
import { PrivateFieldHost } from '../../../internal/private-field-host.js'
import { shared } from '../../../internal/shared.js'
import { utf8Of } from '../../../socket/text-bytes.js'

class ReceivedText extends PrivateFieldHost {
  readonly #text: string
  readonly #isDecoded: boolean

  constructor(event: object, text: string, isDecoded: boolean) {
    super(event)
    this.#text = text
    this.#isDecoded = isDecoded
  }

  static of(event: object): string | undefined {
    if (!(#text in event)) return undefined
    return event.#isDecoded ? event.#text : utf8Of(event.#text)
  }
}

// One class for all copies of this library: only the class that made a private member can read it.
const SharedReceivedText = shared('raw-text.1', () => ReceivedText)

/** The name under which an event has its own text. A registered symbol, for other copies. */
export const RAW_TEXT: unique symbol = Symbol.for('rxjs-atproto.raw-text.2') as never

/**
 * Keeps the text that an event was read from, for {@link rawText}. If it is not decoded, each of
 * its characters is a byte of UTF-8.
 */
export function keepText<Event extends object>(
  event: Event,
  text: string,
  isDecoded = true,
): Event {
  new SharedReceivedText(event, text, isDecoded)
  return event
}

/**
 * Returns the JSON that an event was read from, as it was received, so that a sink can pass it on
 * without parsing it. On wire v2 that is the whole message, with its `$type` and `payload`. Changes
 * that a program has made to the event are not in it.
 *
 * `undefined` for events of other sources, for copies, for events whose record was checked by a
 * schema of `records`, and for all events under `decode: 'eager'`.
 *
 * @example
 * ```ts
 * jetstream$({ decode: 'lazy' }).subscribe((event) =>
 *   console.log(rawText(event) ?? JSON.stringify(event)),
 * )
 * ```
 */
export const rawText = (event: JetstreamEvent): string | undefined =>
  (event as { readonly [RAW_TEXT]?: string })[RAW_TEXT] ?? SharedReceivedText.of(event)
