import { defer, merge, type Observable, tap } from 'rxjs'
import type { Messages } from '../../cli/messages.js'
import {
  type CheckpointOptions,
  type CursorStore,
  firehose$,
  labels$,
  listRepos$,
  type PositionFormat,
} from '../../index.js'
import { HostFeed, type StreamName } from './host-feed.js'
import type { Mode } from './parse-settings.js'
import { cursorKey, pageFormat, seqFormat, underKey } from './rsky-positions.js'
import type { Settings } from './settings.js'
import { EntrySink } from './sink.js'

/** One Redis stream: the hosts that are read into it, and the sink that writes it. */
export interface Pipeline {
  readonly stream: StreamName
  readonly feeds: readonly HostFeed[]
  readonly sink: EntrySink
  /** Reads all hosts in parallel, with their positions in `store`. */
  read(store: CursorStore): Observable<unknown>
}

const STREAMS: Readonly<Record<Mode, readonly StreamName[]>> = {
  all: ['firehose_live', 'repo_backfill', 'label_live'],
  firehose: ['firehose_live'],
  backfill: ['repo_backfill'],
  labeler: ['label_live'],
}

/** The pipelines of a mode, without those that have no hosts. */
export const pipelinesOf = (settings: Settings, messages: Messages): readonly Pipeline[] =>
  STREAMS[settings.mode]
    .map((stream) => pipelineOf(stream, settings, messages))
    .filter(({ feeds }) => feeds.length > 0)

function pipelineOf(stream: StreamName, settings: Settings, messages: Messages): Pipeline {
  const hosts = stream === 'label_live' ? settings.labelerHosts : settings.relayHosts
  const feeds = hosts.map((host) => new HostFeed(stream, host, messages))
  return {
    stream,
    feeds,
    sink: new EntrySink(stream, settings, messages),
    read: (store) =>
      merge(...feeds.map((feed) => observed(feed, () => SOURCES[stream](feed, store, settings)))),
  }
}

/**
 * One source for each host, so that each position has its own key and a host that completes does
 * not end the others.
 */
const SOURCES: Readonly<
  Record<
    StreamName,
    (feed: HostFeed, store: CursorStore, settings: Settings) => Observable<unknown>
  >
> = {
  firehose_live: (feed, store, { cursor, collections }) =>
    firehose$({
      ...observersOf(feed),
      cursor,
      collections: collections.length === 0 ? undefined : collections,
      checkpoint: checkpointOf(feed, store, seqFormat),
    }),
  label_live: (feed, store, { cursor }) =>
    labels$({ ...observersOf(feed), cursor, checkpoint: checkpointOf(feed, store, seqFormat) }),
  repo_backfill: (feed, store) =>
    listRepos$({ ...observersOf(feed), checkpoint: checkpointOf(feed, store, pageFormat) }),
}

/** Records how the source ended; a config mistake is a failure of the host too. */
const observed = (feed: HostFeed, source: () => Observable<unknown>): Observable<unknown> =>
  defer(source).pipe(tap({ complete: () => feed.complete(), error: (error) => feed.fail(error) }))

const observersOf = ({ host, watch: { metrics$, gaps, rejects, log } }: HostFeed) => ({
  host,
  metrics$,
  gaps,
  rejects,
  log,
})

function checkpointOf<P>(
  feed: HostFeed,
  store: CursorStore,
  format: (key: string) => PositionFormat<P>,
): CheckpointOptions<P> {
  const key = cursorKey(feed)
  return {
    store: underKey(store, key),
    positionFormat: format(key),
    // Nothing is lost while Redis is away, however long that is.
    failAfterMs: Number.POSITIVE_INFINITY,
  }
}
