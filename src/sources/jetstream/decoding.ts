import { IN_BROWSER } from '#socket'
import type { Wanted } from '../../atproto/filters.js'
import type { RecordChecker } from '../../atproto/records.js'
import type { JetstreamEvent } from '../../events.js'
import type { Control, CursorProtocol, Gathering, Protocol } from '../../live/protocol.js'
import type { Frame } from '../../socket/frame.js'
import { type TextBytes, viewAsText } from '../../socket/text-bytes.js'
import { keepText } from './lazy/raw-text.js'
import type { JetstreamChunk } from './raw/chunk.js'

/** The last step of reading an event that was parsed whole. */
export type Finish = (event: JetstreamEvent, text: string) => JetstreamEvent

/** Reads the messages that it knows without parsing them; returns `undefined` for all others. */
export type LazyReader = (message: TextBytes) => JetstreamEvent | undefined

/** How the messages of one wire are read. */
export interface WireReaders {
  /** For `decode: 'lazy'`. */
  lazy(): LazyReader
  /** For `decode: 'raw'`. */
  raw(): LazyReader
  parse(frame: Frame, finish: Finish): JetstreamEvent | Control
  /** Absent where frames are not compressed. */
  readonly inflate: ((frame: Uint8Array) => Uint8Array) | undefined
  /** For `jetstreamChunks$`; `undefined` where each event is a chunk of its own. */
  gather(readers: WireReaders): Gathering<JetstreamChunk> | undefined
  /** Which events to keep, where the server may send others. */
  readonly wanted: Wanted | undefined
}

/** The protocol of single events, and all that one of chunks is made of. */
export interface JetstreamProtocol extends CursorProtocol<JetstreamEvent> {
  readonly readers: WireReaders
}

/** How a message is read: parsed whole, or with its record, or all of it, left as text. */
export interface Decoding {
  of(readers: WireReaders): Pick<Protocol<JetstreamEvent>, 'decode' | 'decodeBytes'>
}

export const eager = (checker: RecordChecker): Decoding => ({
  of: ({ parse }) => ({
    decode: (frame) => parse(frame, (event) => withCheckedRecord(event, checker)),
  }),
})

export const lazy = (checker: RecordChecker): Decoding => unparsed(checker, ({ lazy }) => lazy())

export const raw = (checker: RecordChecker): Decoding => unparsed(checker, ({ raw }) => raw())

/** Messages that the reader does not know are parsed whole: same events, same rejects. */
function unparsed(
  checker: RecordChecker,
  readerOf: (readers: WireReaders) => LazyReader,
): Decoding {
  // A schema's output replaces the record: the text is then no longer that of the event.
  const finish: Finish = (event, text) =>
    checker.checks(event) ? withCheckedRecord(event, checker) : keepText(event, text)
  return {
    of(readers) {
      const { parse, inflate } = readers
      const read = readerOf(readers)
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
