import { FrameError, WireError } from '../../errors.js'
import { type Layout, parseBounded } from '../../internal/bounded-json.js'
import { BoundsError } from '../../internal/content-bounds.js'
import { messageOf } from '../../internal/message-of.js'
import type { Frame } from '../../socket/frame.js'
import type { DictionaryDecoder } from '../../zstd/decoders/dictionary-decoder.js'

/**
 * The text of a frame: inflated, where the connection is compressed. A server sends text all the
 * same where it likes.
 */
export function textOfFrame(
  frame: Frame,
  decoder: DictionaryDecoder | undefined,
  maxFrameBytes: number,
): string {
  if (typeof frame === 'string') return frame
  if (decoder !== undefined) return decoder.decode(frame, maxFrameBytes)
  if (isOfEventStream(frame))
    throw new WireError(`the server sends an event stream in CBOR; ${REMEDY}`)
  throw new FrameError('the frame is binary, or text that is not UTF-8')
}

const REMEDY = 'read a relay or a PDS with `firehose$`, and a labeler with `labels$`'

// A map that begins with `t` or `op`. No message of a Jetstream does, and so one alone is proof.
const HEADERS = ['\xa2at', '\xa2bop', '\xa1bop']

/** Whether the frame has a header as in https://atproto.com/specs/event-stream. */
const isOfEventStream = (frame: Uint8Array): boolean =>
  HEADERS.some((header) => String.fromCharCode(...frame.subarray(0, 4)).startsWith(header))

/**
 * Parses JSON. Throws {@link FrameError} for what is none, and for content beyond the bounds
 * outside a record; `placeOf` finds the place of both. A record beyond them is {@link Unreadable}.
 */
export function parseJson(
  text: string,
  layout: Layout,
  placeOf: (text: string) => FrameError['place'],
): unknown {
  try {
    return parseBounded(text, layout)
  } catch (error) {
    const what = error instanceof BoundsError ? 'holds what is' : 'is no JSON:'
    throw new FrameError(`the frame ${what} ${messageOf(error)}`, placeOf(text), { cause: error })
  }
}
