import type { StreamMetrics } from '../../index.js'
import type { RedisSinkMetrics } from '../../redis.js'
import type { HostFeed } from './host-feed.js'
import type { Family } from './prometheus.js'
import type { EntrySink } from './sink.js'

/** One metric: its name without the prefix, its help, and how it is read. */
type Metric<Source> = readonly [
  type: Family['type'],
  name: string,
  help: string,
  read: (source: Source) => number | undefined,
]

/** The metrics of a host. */
type Feed = StreamMetrics & Pick<HostFeed, 'lagMs' | 'completed'>

const isOpen = (state: string): boolean => state === 'open' || state === 'paused'
const seconds = (ms: number | undefined): number | undefined => ms && ms / 1000

const FEED_METRICS: readonly Metric<Feed>[] = [
  [
    'counter',
    'frames_received_total',
    'Messages of a WebSocket, or pages of a listing.',
    ({ frames }) => frames,
  ],
  ['counter', 'bytes_received_total', 'Bytes of those, as received.', ({ bytes }) => bytes],
  [
    'counter',
    'events_received_total',
    'Messages that could be read as a commit, a label frame and so on, or repos of a listing.',
    ({ events }) => events,
  ],
  [
    'counter',
    'events_duplicate_total',
    'Events that an inclusive cursor repeated; they are recognised and not written again.',
    ({ duplicates }) => duplicates,
  ],
  ['counter', 'events_done_total', 'Events whose entries are all written.', ({ done }) => done],
  [
    'counter',
    'events_failed_total',
    'Events that were given up at the end of a run; the next run reads them again.',
    ({ failed }) => failed,
  ],
  ['counter', 'frames_control_total', 'Notices of the server.', ({ control }) => control],
  ['counter', 'frames_rejected_total', 'Frames that cannot be read.', ({ rejected }) => rejected],
  ['counter', 'gaps_total', 'Ranges that are known or feared lost.', ({ gaps }) => gaps],
  ['counter', 'reconnects_total', 'Dials after the first.', ({ reconnects }) => reconnects],
  [
    'counter',
    'cursor_save_errors_total',
    'Saves of the position that failed.',
    ({ checkpointErrors }) => checkpointErrors,
  ],
  ['gauge', 'events_open', 'Events that are read and not yet written.', ({ open }) => open],
  [
    'gauge',
    'connection_open',
    '1 while there is a connection.',
    ({ connection }) => Number(isOpen(connection.state)),
  ],
  [
    'gauge',
    'connection_paused',
    '1 while the connection is not read, because a queue is full.',
    ({ connection }) => Number(connection.state === 'paused'),
  ],
  [
    'gauge',
    'backoff_seconds',
    'The delay before the next dial while it is waited for; otherwise 0.',
    ({ currentBackoffMs }) => currentBackoffMs / 1000,
  ],
  [
    'gauge',
    'lag_seconds',
    "When the last event arrived, minus the event's own time; 0 after 10 s without events.",
    ({ lagMs }) => seconds(lagMs),
  ],
  [
    'gauge',
    'last_event_timestamp_seconds',
    'When the last event arrived.',
    ({ lastEventAt }) => seconds(lastEventAt),
  ],
  ['gauge', 'cursor', 'The position of the last event read.', ({ cursor }) => cursor],
  [
    'gauge',
    'cursor_saved',
    'The last saved position: that of the oldest event that may not be written.',
    ({ checkpoint }) => checkpoint,
  ],
  [
    'gauge',
    'completed',
    '1 when the host has nothing more to send; only a backfill completes.',
    ({ completed }) => Number(completed),
  ],
]

const SINK_METRICS: readonly Metric<RedisSinkMetrics>[] = [
  ['counter', 'entries_written_total', 'Entries added.', ({ written }) => written],
  [
    'counter',
    'entries_duplicate_total',
    'Entries that were in the stream already.',
    ({ duplicates }) => duplicates,
  ],
  [
    'counter',
    'entries_rewritten_total',
    'Entries that Redis had lost, added again.',
    ({ rewritten }) => rewritten,
  ],
  [
    'counter',
    'holes_total',
    'How often Redis had lost more than could be added again.',
    ({ holes }) => holes,
  ],
  [
    'counter',
    'events_rejected_total',
    'Events that cannot be written as an entry.',
    ({ rejected }) => rejected,
  ],
  ['counter', 'retries_total', 'Attempts to write after the first.', ({ retries }) => retries],
  ['gauge', 'pending', 'Entries that wait to be written.', ({ pending }) => pending],
  [
    'gauge',
    'unread',
    'Entries that the slowest consumer group has not read; all of them without a group.',
    ({ unread }) => unread,
  ],
  [
    'gauge',
    'high_water',
    '1 while nothing is written, because readers are behind.',
    ({ status }) => Number(status.state === 'high-water'),
  ],
  [
    'gauge',
    'waiting',
    '1 while Redis accepts nothing.',
    ({ status }) => Number(status.state === 'waiting'),
  ],
]

/**
 * The metrics of the hosts. Labels are the stream and the host as the user wrote it: their number
 * depends on the settings only, never on what the network sends.
 */
export const feedFamilies = (feeds: readonly HostFeed[]): readonly Family[] =>
  FEED_METRICS.map(([type, name, help, read]) => ({
    name: `rxjs_atproto_${name}`,
    type,
    help,
    samples: feeds.map((feed) => {
      const { stream, host, lagMs, completed, watch } = feed
      return { labels: { stream, host }, value: read({ ...watch.metrics, lagMs, completed }) }
    }),
  }))

/** The metrics of the Redis streams. */
export const sinkFamilies = (sinks: readonly EntrySink[]): readonly Family[] =>
  SINK_METRICS.map(([type, name, help, read]) => ({
    name: `rxjs_atproto_redis_${name}`,
    type,
    help,
    samples: sinks.map(({ stream, metrics }) => ({ labels: { stream }, value: read(metrics) })),
  }))
