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

/** One stream of Redis: the hosts that are read into it, and how it is written. */
export interface Pipeline {
  readonly stream: StreamName
  readonly feeds: readonly HostFeed[]
  readonly sink: EntrySink
  /** Reads all of its hosts side by side; positions are kept in `store`. */
  read(store: CursorStore): Observable<unknown>
}

const STREAMS: Readonly<Record<Mode, readonly StreamName[]>> = {
  all: ['firehose_live', 'repo_backfill', 'label_live'],
  firehose: ['firehose_live'],
  backfill: ['repo_backfill'],
  labeler: ['label_live'],
}

/** The lanes of a mode, but for those without hosts. */
export const pipelinesOf = (settings: Settings, messages: Messages): readonly Pipeline[] =>
  STREAMS[settings.mode]
    .map((stream) => laneOf(stream, settings, messages))
    .filter(({ feeds }) => feeds.length > 0)

function laneOf(stream: StreamName, settings: Settings, messages: Messages): Pipeline {
  const hosts = stream === 'label_live' ? settings.labelerHosts : settings.relayHosts
  const feeds = hosts.map((host) => new HostFeed(stream, host, messages))
  return {
    stream,
    feeds,
    sink: new EntrySink(stream, settings, messages),
    read: (store) =>
      merge(...feeds.map((feed) => watched(feed, () => SOURCES[stream](feed, store, settings)))),
  }
}

/**
 * One source for each host: its position has a key of its own, and one that ends does not end the
 * others.
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
      collections,
      checkpoint: checkpointOf(feed, store, seqFormat),
    }),
  label_live: (feed, store, { cursor }) =>
    labels$({ ...observersOf(feed), cursor, checkpoint: checkpointOf(feed, store, seqFormat) }),
  repo_backfill: (feed, store) =>
    listRepos$({ ...observersOf(feed), checkpoint: checkpointOf(feed, store, pageFormat) }),
}

/** A mistake in a config is an end like any other. */
const watched = (feed: HostFeed, source: () => Observable<unknown>): Observable<unknown> =>
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
    // Redis may be away for as long as it takes: nothing is lost meanwhile.
    failAfterMs: Number.POSITIVE_INFINITY,
  }
}
