import { FrameError } from '../../errors.js'
import type { Frame } from '../../socket/socket.js'

/** Parses a text frame; `placeOf` finds the place of one that is no JSON. */
export function parse(frame: Frame, placeOf: (text: string) => FrameError['place']): unknown {
  if (typeof frame !== 'string') throw new FrameError('the frame is binary, or text that is not UTF-8')
  try {
    return JSON.parse(frame)
  } catch (error) {
    throw new FrameError(`the frame is no JSON: ${(error as Error).message}`, placeOf(frame), { cause: error })
  }
}
