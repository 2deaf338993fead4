import { IN_BROWSER } from '#socket'
import type { RecordChecker } from '../../atproto/records.js'
import type { JetstreamEvent } from '../../events.js'
import type { Control, Protocol } from '../../live/protocol.js'
import type { Frame } from '../../socket/frame.js'
import { type TextBytes, viewAsText } from '../../socket/text-bytes.js'
import { keepText } from './lazy/raw-text.js'

/** The last step of reading an event that was parsed whole. */
export type Finish = (event: JetstreamEvent, text: string) => JetstreamEvent

/** Reads the messages that it knows without parsing them; returns `undefined` for all others. */
export type LazyReader = (message: TextBytes) => JetstreamEvent | undefined

/** How a message is read: parsed whole, or with its record left as text. */
export interface Decoding {
  of(
    lazy: () => LazyReader,
    parse: (frame: Frame, finish: Finish) => JetstreamEvent | Control,
    inflate: ((frame: Uint8Array) => Uint8Array) | undefined,
  ): Pick<Protocol<JetstreamEvent>, 'decode' | 'decodeBytes'>
}

export const eager = (checker: RecordChecker): Decoding => ({
  of: (_, parse) => ({
    decode: (frame) => parse(frame, (event) => withCheckedRecord(event, checker)),
  }),
})

/** Messages that the reader does not know are parsed whole: same events, same rejects. */
export function lazy(checker: RecordChecker): Decoding {
  // A schema's output replaces the record: the text is then no longer that of the event.
  const finish: Finish = (event, text) =>
    checker.checks(event) ? withCheckedRecord(event, checker) : keepText(event, text)
  return {
    of(reader, parse, inflate) {
      const read = reader()
      const readLazily = (message: TextBytes): JetstreamEvent | undefined => {
        const event = read(message)
        return event === undefined || checker.checks(event) ? undefined : event
      }
      return {
        decode(frame) {
          if (typeof frame === 'string' || inflate === undefined || IN_BROWSER)
            return parse(frame, finish)
          const message = viewAsText(inflate(frame))
          const event = readLazily(message)
          if (event !== undefined) return event
          const text = message.toFrame()
          // A frame that is no text is decompressed again, for its error.
          return parse(typeof text === 'string' ? text : frame, finish)
        },
        decodeBytes: (message) => readLazily(message) ?? parse(message.toFrame(), finish),
      }
    },
  }
}

function withCheckedRecord(event: JetstreamEvent, { check }: RecordChecker): JetstreamEvent {
  const wrong = check(event)
  if (wrong !== undefined) throw wrong
  return event
}
