import type { RunHelpers } from 'rxjs/testing'
import type { FirehoseConfig, FirehoseEvent } from '../../../src/index.js'
import { eventsOf } from '../../../src/sources/firehose/host-events.js'
import { overSessions, type Scripted } from '../over-sessions.js'

export { cursorsOf } from '../over-sessions.js'

export const HOST = 'wss://relay.test/xrpc/com.atproto.sync.subscribeRepos'

/** The firehose over scripted sessions, and all that it told. */
export function firehoseOver(
  helpers: RunHelpers,
  diagrams: readonly string[],
  { frames, errors, ...config }: FirehoseConfig & Scripted,
) {
  const { options, told } = overSessions(helpers, HOST, diagrams, { frames, errors })
  return { ...told, events$: eventsOf(HOST, config, options, told.sessions.dial) }
}

/** `<seq>` of an event, with `-<n>` of a post's key. */
export const nameOf = (event: FirehoseEvent): string =>
  event.kind === 'commit' ? event.commit.rkey : `${event.kind} ${event.cursor}`
