import { FrameError } from '../../errors.js'
import type { Frame } from '../../socket/socket.js'
import type { DictionaryDecoder } from '../../zstd/dictionary-decoder.js'

/** The text of a frame: inflated, where the connection is compressed. A server sends text all the same where it likes. */
export function textOf(frame: Frame, decoder: DictionaryDecoder | undefined, maxFrameBytes: number): string {
  if (typeof frame === 'string') return frame
  if (decoder === undefined) throw new FrameError('the frame is binary, or text that is not UTF-8')
  return decoder.decode(frame, maxFrameBytes)
}

/** Parses JSON; `placeOf` finds the place of what is none. */
export function parse(text: string, placeOf: (text: string) => FrameError['place']): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FrameError(`the frame is no JSON: ${(error as Error).message}`, placeOf(text), { cause: error })
  }
}
