import { checkEventFilters, type EventFilters, eventFiltersShape } from '../../atproto/filters.js'
import { recordsShape } from '../../atproto/records.js'
import type { RecordMap } from '../../events.js'
import type { StandardSchema } from '../../internal/standard-schema.js'
import { checkSequence, type SequenceConfig, sequenceShape } from '../../live/by-sequence.js'
import { HOSTS, hostsOf } from '../../live/config.js'
import { checkShape } from '../../options/check-shape.js'
import { hosts } from '../../options/hosts.js'
import { Issues } from '../../options/issues.js'
import { defaultsTo } from '../../options/pieces.js'

const FIREHOSE_PATH = '/xrpc/com.atproto.sync.subscribeRepos'

/**
 * Which relay or PDS to read, from which position, and which events to keep. All options are
 * optional. The library applies the filters itself, before it decodes any record.
 */
export interface FirehoseConfig<Records extends RecordMap = RecordMap>
  extends SequenceConfig,
    EventFilters {
  /**
   * One or several relays or PDSes: a host name (`wss`, or `ws` on a loopback address), or a `ws`,
   * `wss`, `http` or `https` URL. All are read at the same time, each with its own connection,
   * position and backoff.
   * @default 'bsky.network'
   */
  readonly host?: string | readonly string[] | undefined
  /**
   * A Standard Schema (zod, valibot, …) for each collection whose records are to be checked at run
   * time. Such records are decoded at once; one that fails is a reject.
   * @default none
   */
  readonly records?: { readonly [C in keyof Records]?: StandardSchema<Records[C]> } | undefined
}

const shape = {
  ...sequenceShape,
  ...eventFiltersShape,
  host: defaultsTo(hosts(HOSTS), 'bsky.network'),
  records: recordsShape,
}

/** The hosts of a config, as URLs. Throws `ConfigError` with every mistake. */
export function checkFirehoseConfig(config: FirehoseConfig): readonly string[] {
  const issues = new Issues()
  const sound = checkShape(shape, config, issues)
  checkEventFilters(sound, issues)
  const urls = hostsOf(sound.host, FIREHOSE_PATH)
  checkSequence(sound, urls, issues)
  issues.throwIfAny('firehose$')
  return urls
}
