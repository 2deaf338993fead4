import { FrameError } from '../errors.js'
import { type Layout, parseBounded } from './bounded-json.js'
import { BoundsError } from './content-bounds.js'
import { messageOf } from './message-of.js'

/**
 * Parses JSON from a stranger. Throws {@link FrameError} for text that is not JSON, and for content
 * beyond the bounds that cannot be replaced. `subject` begins the message of the error;
 * `positionOf` finds the error's position in the stream.
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
