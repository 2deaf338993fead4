import { FrameError, WireError } from '../../errors.js'
import type { Frame } from '../../socket/frame.js'
import type { DictionaryDecoder } from '../../zstd/decoders/dictionary-decoder.js'

/**
 * Returns the text of a frame, decompressed if it is binary. A server may send text frames on a
 * compressed connection too.
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

// CBOR maps that begin with `t` or `op`. No Jetstream sends such a frame, so one of them is proof.
const HEADERS = ['\xa2at', '\xa2bop', '\xa1bop']

/** Whether the frame has a header as in https://atproto.com/specs/event-stream. */
const isOfEventStream = (frame: Uint8Array): boolean =>
  HEADERS.some((header) => String.fromCharCode(...frame.subarray(0, 4)).startsWith(header))
