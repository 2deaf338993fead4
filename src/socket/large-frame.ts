import type { Frame } from './frame.js'

/**
 * How many bytes of a message above `maxFrameBytes` are kept. They hold the `seq` even of a commit
 * of 200 operations with the longest paths.
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
