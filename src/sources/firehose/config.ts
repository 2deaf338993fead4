import * as z from 'zod/mini'
import { checkShape, Issues } from '../../connection/config.js'
import { checkEachHost, type EachHostConfig, eachHostShape } from '../../connection/each-host.js'
import { checkEventFilters, type EventFilters, eventFiltersShape } from '../../connection/event-filters.js'
import { type CheckpointConfig, hostsOf } from '../../connection/live-config.js'
import { checkRecordNames, recordsShape } from '../../connection/records.js'
import type { OnCursorRefused } from '../../connection/resume.js'
import type { RecordMap } from '../../events.js'
import type { StandardSchema } from '../../internal/standard-schema.js'
import { FIREHOSE_PATH } from './protocol.js'

/** Which relay or PDS to read, from where, and what to keep: every option has a default. The filters are applied here, before any record is decoded. */
export interface FirehoseConfig<Records extends RecordMap = RecordMap> extends EachHostConfig, EventFilters {
  /**
   * A relay or a PDS, or several: a host name (`wss`, or `ws` on a loopback address), or a `ws`, `wss`, `http` or `https` URL. All are read side by side, each with
   * its own connection, position and backoff. @default 'bsky.network'
   */
  readonly host?: string | readonly string[] | undefined
  /**
   * Where to start when no checkpoint says it: with what happens from now on, with the oldest that the server holds, or at a sequence number, whose event comes
   * first. With several hosts a number is refused: each counts for itself. @default 'live'
   */
  readonly cursor?: 'live' | 'oldest' | number | undefined
  /** Where the position of what is done is kept, for the next run: a `CursorStore`, or `{ store, everyMs = 1000 }`. A stored one wins over `cursor`. @default none */
  readonly checkpoint?: CheckpointConfig | undefined
  /** What to do when the server's log is not the one that gave the position: end the stream, or go on from another place. A gap is reported either way. @default 'oldest' */
  readonly onCursorRefused?: OnCursorRefused | undefined
  /** A Standard Schema (zod, valibot, …) for each collection to check at run time. A record that fails is a reject, and is decoded at once. @default none */
  readonly records?: { readonly [C in keyof Records]?: StandardSchema<Records[C]> } | undefined
}

const CURSOR = "must be 'live', 'oldest' or a sequence number"

const schema = z.strictObject({
  ...eachHostShape,
  ...eventFiltersShape,
  cursor: z.optional(z.union([z.literal(['live', 'oldest']), z.int(CURSOR).check(z.gte(0, CURSOR))], CURSOR)),
  onCursorRefused: z.optional(z.enum(['fail', 'oldest', 'live'], "must be 'fail', 'oldest' or 'live'")),
  records: recordsShape,
})

/** The hosts of a config, as URLs. Throws `ConfigError` with every mistake. */
export function checkFirehoseConfig(config: FirehoseConfig): readonly string[] {
  const issues = new Issues()
  checkShape(schema, config, issues)
  // What has the wrong shape cannot be looked into.
  issues.throwIfAny('firehose$')
  checkEventFilters(config, issues)
  checkRecordNames(config.records, issues)
  const hosts = hostsOf(config.host ?? 'bsky.network', FIREHOSE_PATH, issues)
  if (issues.all.length === 0) checkEachHost(config, hosts, issues)
  if (hosts.length > 1 && typeof config.cursor === 'number') {
    issues.add('cursor', `must be 'live' or 'oldest' where there are several hosts, not ${config.cursor}: each counts for itself`)
  }
  issues.throwIfAny('firehose$')
  return hosts
}
