import type { PositionKeys } from '../cursors/load-position.js'
import { Checkpoint } from '../delivery/checkpoint.js'
import type { CheckpointOptions } from '../delivery/checkpoint-options.js'
import { positionFormat, type SavedPosition } from '../delivery/saved-position.js'
import { FilterHistory, formatWith } from './filter-history.js'
import type { NamedFilter } from './named-filter.js'
import type { ProgressContext } from './progress.js'

/** Whose position is kept, and where. */
export interface OpenCheckpointOptions extends PositionKeys {
  readonly checkpoint: CheckpointOptions
  /** The filter of a stream that has a name in the store. */
  readonly filter?: NamedFilter | undefined
  /** The URL of its first host. */
  readonly host: string
}

/** The checkpoint of a stream by positions, and the history of its filter. */
export function openCheckpoint(
  { checkpoint, key, formerKey, host, filter }: OpenCheckpointOptions,
  current: () => SavedPosition | undefined,
  { log, changed }: ProgressContext,
): Checkpoint<SavedPosition> {
  const history = filter && new FilterHistory(filter)
  if (filter !== undefined) filter.history = history
  const format = history === undefined ? positionFormat : formatWith(history)
  return new Checkpoint(checkpoint, { key, formerKey, host, format, log }, current, changed)
}
