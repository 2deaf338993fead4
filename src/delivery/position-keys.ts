import type { PositionKeys } from '../cursors/load-position.js'
import type { CheckpointOptions } from './checkpoint-options.js'

/**
 * The names of a stream's position. `unnamed` is the key without a name; `source` and `scope` (a
 * host, where its positions mean nothing on another) are parts of the key with one.
 */
export const positionKeys = <P>(
  checkpoint: CheckpointOptions<P> | undefined,
  unnamed: string,
  source: string,
  ...scope: readonly string[]
): PositionKeys =>
  checkpoint?.name === undefined
    ? { key: unnamed }
    : { key: [source, JSON.stringify(checkpoint.name), ...scope].join(' '), formerKey: unnamed }
