import * as z from 'zod/mini'
import { checkShape, Issues } from '../../connection/config.js'
import { checkEachHost, type EachHostConfig, eachHostShape } from '../../connection/each-host.js'
import { type CheckpointConfig, hostsOf } from '../../connection/live-config.js'
import type { OnCursorRefused } from '../../connection/resume.js'
import { LABELS_PATH } from './protocol.js'

/** Which labelers to read, and from where. */
export interface LabelsConfig extends Omit<EachHostConfig, 'host'> {
  /**
   * The labelers: host names (`wss`, or `ws` on a loopback address), or `ws`, `wss`, `http` or `https` URLs. There is no default: a label is
   * somebody's opinion, and whose to hear is yours to say; Bluesky's is `mod.bsky.app`. All are read side by side, each with its own connection,
   * position and backoff.
   */
  readonly host: string | readonly string[]
  /**
   * Where to start when no checkpoint says it: with what is labelled from now on, with the oldest label that the labeler holds, or at a sequence
   * number, whose label comes first. With several hosts a number is refused: each counts for itself. @default 'live'
   */
  readonly cursor?: 'live' | 'oldest' | number | undefined
  /** Where the position of what is done is kept, for the next run: a `CursorStore`, or `{ store, everyMs = 1000 }`. A stored one wins over `cursor`. @default none */
  readonly checkpoint?: CheckpointConfig | undefined
  /** What to do when the labeler's log is not the one that gave the position: end the stream, or go on from another place. A gap is reported either way. @default 'oldest' */
  readonly onCursorRefused?: OnCursorRefused | undefined
}

const CURSOR = "must be 'live', 'oldest' or a sequence number"
const HOST = 'must name a labeler, or several, such as mod.bsky.app'

const schema = z.strictObject({
  ...eachHostShape,
  host: z.union([z.string(), z.array(z.string()).check(z.minLength(1, HOST))], HOST),
  cursor: z.optional(z.union([z.literal(['live', 'oldest']), z.int(CURSOR).check(z.gte(0, CURSOR))], CURSOR)),
  onCursorRefused: z.optional(z.enum(['fail', 'oldest', 'live'], "must be 'fail', 'oldest' or 'live'")),
})

/** The hosts of a config, as URLs. Throws `ConfigError` with every mistake. */
export function checkLabelsConfig(config: LabelsConfig): readonly string[] {
  const issues = new Issues()
  checkShape(schema, config, issues)
  issues.throwIfAny('labels$')
  const hosts = hostsOf(config.host, LABELS_PATH, issues)
  if (issues.all.length === 0) checkEachHost(config, hosts, issues)
  if (hosts.length > 1 && typeof config.cursor === 'number') {
    issues.add('cursor', `must be 'live' or 'oldest' where there are several hosts, not ${config.cursor}: each counts for itself`)
  }
  issues.throwIfAny('labels$')
  return hosts
}
