import { filtersKey } from '../../atproto/filters.js'
import type { PositionKeys } from '../../cursors/load-position.js'
import type { CheckpointOptions } from '../../delivery/checkpoint-options.js'
import { positionKeys } from '../../delivery/position-keys.js'
import type { JetstreamConfig } from './config.js'

/**
 * The keys of a position. Without a name, it is valid only on its own wire and hosts, and under its
 * own filter.
 */
export function keysOf(
  config: JetstreamConfig,
  hosts: readonly string[],
  checkpoint: CheckpointOptions | undefined,
): PositionKeys {
  const unnamed = [`jetstream/${config.wire}`, ...[...hosts].sort(), ...filtersKey(config)]
  // With one, a position of another wire or host is asked for by its time.
  return positionKeys(checkpoint, unnamed.join(' '), 'jetstream')
}
