import { checkSequence, type SequenceConfig, sequenceShape } from '../../live/by-sequence.js'
import { hostsOf } from '../../live/config.js'
import { checkShape } from '../../options/check-shape.js'
import { hosts } from '../../options/hosts.js'
import { Issues } from '../../options/issues.js'
import { LABELS_PATH } from './protocol.js'

/** Which labelers to read, and from which position. */
export interface LabelsConfig extends Omit<SequenceConfig, 'host'> {
  /**
   * One or several labelers: host names (`wss`, or `ws` on a loopback address), or `ws`, `wss`,
   * `http` or `https` URLs. There is no default, because a label is somebody's opinion and you
   * choose whose to use; Bluesky's labeler is `mod.bsky.app`. All are read at the same time, each
   * with its own connection, position and backoff.
   */
  readonly host: string | readonly string[]
}

const HOST = 'must name a labeler, or several, such as mod.bsky.app'

const shape = { ...sequenceShape, host: hosts(HOST) }

/** The hosts of a config, as URLs. Throws `ConfigError` with every mistake. */
export function checkLabelsConfig(config: LabelsConfig): readonly string[] {
  const issues = new Issues()
  const sound = checkShape(shape, config, issues)
  const urls = hostsOf(sound.host ?? [], LABELS_PATH)
  checkSequence(sound, urls, issues)
  issues.throwIfAny('labels$')
  return urls
}
