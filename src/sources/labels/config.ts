import * as z from 'zod/mini'
import { checkSequence, type SequenceConfig, sequenceShape } from '../../live/by-sequence.js'
import { hostsOf } from '../../live/config.js'
import { checkShape, Issues } from '../../options/shapes.js'
import { LABELS_PATH } from './protocol.js'

/** Which labelers to read, and from where. */
export interface LabelsConfig extends Omit<SequenceConfig, 'host'> {
  /**
   * The labelers: host names (`wss`, or `ws` on a loopback address), or `ws`, `wss`, `http` or
   * `https` URLs. There is no default: a label is somebody's opinion, and whose to hear is yours to
   * say; Bluesky's is `mod.bsky.app`. All are read side by side, each with its own connection,
   * position and backoff.
   */
  readonly host: string | readonly string[]
}

const HOST = 'must name a labeler, or several, such as mod.bsky.app'

const schema = z.strictObject({
  ...sequenceShape,
  host: z.union([z.string(), z.array(z.string()).check(z.minLength(1, HOST))], HOST),
})

/** The hosts of a config, as URLs. Throws `ConfigError` with every mistake. */
export function checkLabelsConfig(config: LabelsConfig): readonly string[] {
  const issues = new Issues()
  checkShape(schema, config, issues)
  issues.throwIfAny('labels$')
  const hosts = hostsOf(config.host, LABELS_PATH, issues)
  checkSequence(config, hosts, issues)
  issues.throwIfAny('labels$')
  return hosts
}
