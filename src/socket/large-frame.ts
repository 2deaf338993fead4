import type { Frame } from './frame.js'

/**
 * How much of a message above `maxFrameBytes` is kept. A commit of 200 operations with the longest
 * paths has its `seq` within it.
 */
export const HEAD_BYTES = 1 << 18

/**
 * A message above `maxFrameBytes`: its beginning, up to {@link HEAD_BYTES}. The rest was discarded
 * as it arrived.
 */
export class LargeFrame {
  constructor(
    readonly head: Frame,
    /** The length of the whole message. */
    readonly length: number,
  ) {}
}
