import { FrameError } from '../errors.js'
import { type Layout, parseBounded } from './bounded-json.js'
import { BoundsError } from './content-bounds.js'
import { messageOf } from './message-of.js'

/**
 * Parses JSON that a stranger wrote. Throws {@link FrameError} for text that is no JSON, and for
 * content beyond the bounds that cannot be replaced; `subject` begins its message, and `positionOf`
 * finds its position in the stream.
 */
export function parseContent(
  subject: string,
  text: string,
  layout: Layout,
  positionOf: (text: string) => FrameError['place'] = () => undefined,
): unknown {
  try {
    return parseBounded(text, layout)
  } catch (error) {
    const problem = error instanceof BoundsError ? 'holds what is' : 'is no JSON:'
    throw new FrameError(`${subject} ${problem} ${messageOf(error)}`, positionOf(text), {
      cause: error,
    })
  }
}
