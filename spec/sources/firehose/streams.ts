import { skip } from 'rxjs'
import type { RunHelpers } from 'rxjs/testing'
import {
  type FirehoseConfig,
  type FirehoseEvent,
  type Gap,
  type RejectedFrame,
  type StreamMetrics,
  streamMetrics,
} from '../../../src/index.js'
import { eventsOf } from '../../../src/sources/firehose/host-events.js'
import { quiet, Sessions, type SessionsOptions } from '../../connection/sessions.js'

export const HOST = 'wss://relay.test/xrpc/com.atproto.sync.subscribeRepos'

type Options = FirehoseConfig & Pick<SessionsOptions, 'frames' | 'errors'>

/** The firehose over scripted sessions, and all that it told. */
export function firehoseOver(helpers: RunHelpers, diagrams: readonly string[], { frames = {}, errors, ...config }: Options) {
  const sessions = new Sessions(helpers, diagrams, { frames, ...(errors === undefined ? {} : { errors }) })
  const metrics$ = streamMetrics()
  const [snapshots, gaps, rejects]: [StreamMetrics[], Gap[], RejectedFrame[]] = [[], [], []]
  metrics$.pipe(skip(1)).subscribe((snapshot) => snapshots.push(snapshot))
  const options = {
    ...quiet,
    hosts: [HOST] as const,
    metrics$,
    gaps: { next: (gap: Gap) => gaps.push(gap) },
    rejects: { next: (rejected: RejectedFrame) => rejects.push(rejected) },
  }
  return { sessions, metrics$, snapshots, gaps, rejects, events$: eventsOf(HOST, config, options, sessions.dial) }
}

/** What each dial asked for. */
export const cursorsOf = ({ urls }: Sessions): readonly (string | null)[] => urls.map((url) => new URL(url).searchParams.get('cursor'))

/** `<seq>` of an event, with `-<n>` of a post's key. */
export const nameOf = (event: FirehoseEvent): string => (event.kind === 'commit' ? event.commit.rkey : `${event.kind} ${event.cursor}`)
