import type { Frame } from '../../socket/frame.js'
import { CommitOutline } from './commit-outline.js'
import type { Message } from './message.js'

const outline = new CommitOutline()

/**
 * Reads a `#commit` of the usual shape. It costs half of decoding the frame, and returns the same
 * message. Returns `undefined` for any other frame, which `readMessage` then reads or rejects.
 */
export const skimCommit = (frame: Frame): Message | undefined =>
  typeof frame !== 'string' && outline.read(frame) ? outline.message(frame) : undefined
