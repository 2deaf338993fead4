import type { StreamMetrics } from '../../index.js'
import type { HostFeed } from './host-feed.js'
import type { Family, Sample } from './prometheus.js'

/**
 * The numbers of the hosts. Labels are the stream and the host as its user wrote it: as many as
 * were given, whatever the network sends.
 */
export const feedFamilies = (feeds: readonly HostFeed[]): readonly Family[] => {
  const each = (
    read: (metrics: StreamMetrics, feed: HostFeed) => number | undefined,
  ): readonly Sample[] =>
    feeds.map((feed) => ({
      labels: { stream: feed.stream, host: feed.host },
      value: read(feed.watch.metrics, feed),
    }))
  const counter = (
    name: string,
    help: string,
    read: (metrics: StreamMetrics) => number,
  ): Family => ({
    name: `rxjs_atproto_${name}_total`,
    type: 'counter',
    help,
    samples: each(read),
  })
  const gauge = (
    name: string,
    help: string,
    read: (metrics: StreamMetrics, feed: HostFeed) => number | undefined,
  ): Family => ({
    name: `rxjs_atproto_${name}`,
    type: 'gauge',
    help,
    samples: each(read),
  })
  return [
    counter(
      'frames_received',
      'Messages of a WebSocket, or pages of a listing.',
      ({ frames }) => frames,
    ),
    counter('bytes_received', 'Their bytes, as they came.', ({ bytes }) => bytes),
    counter(
      'events_received',
      'Those that could be read as a commit, a label frame and so on, or repos of a listing.',
      ({ events }) => events,
    ),
    counter(
      'events_duplicate',
      'Those that an inclusive cursor repeats, known as such and not written again.',
      ({ duplicates }) => duplicates,
    ),
    counter('events_done', 'Those that are written, with all that they hold.', ({ done }) => done),
    counter(
      'events_failed',
      'Those that were given up at the end of a run; the next one reads them again.',
      ({ failed }) => failed,
    ),
    counter('frames_control', 'Notices of the server.', ({ control }) => control),
    counter('frames_rejected', 'Frames that could not be read.', ({ rejected }) => rejected),
    counter('gaps', 'Ranges that are known or feared lost.', ({ gaps }) => gaps),
    counter('reconnects', 'Dials after the first.', ({ reconnects }) => reconnects),
    counter(
      'cursor_save_errors',
      'Saves of the position that failed.',
      ({ checkpointErrors }) => checkpointErrors,
    ),
    gauge('events_open', 'Events that are read and not yet written.', ({ open }) => open),
    gauge('connection_open', '1 while there is a connection.', ({ connection }) =>
      Number(isOpen(connection.state)),
    ),
    gauge(
      'connection_paused',
      '1 while it is not read, since there is no room for more.',
      ({ connection }) => Number(connection.state === 'paused'),
    ),
    gauge(
      'backoff_seconds',
      'The delay before the next dial that is waited now; 0 when none is.',
      ({ currentBackoffMs }) => currentBackoffMs / 1000,
    ),
    gauge(
      'lag_seconds',
      "When the last event came, minus the event's own time; 0 when a connection has been quiet for 10 s.",
      (_, { lagMs }) => lagMs && lagMs / 1000,
    ),
    gauge(
      'last_event_timestamp_seconds',
      'When the last event came.',
      ({ lastEventAt }) => lastEventAt && lastEventAt / 1000,
    ),
    gauge('cursor', 'The position of the last event read.', ({ cursor }) => cursor),
    gauge(
      'cursor_saved',
      'The oldest position that may not be written, as it was saved last.',
      ({ checkpoint }) => checkpoint,
    ),
    gauge(
      'completed',
      '1 when the host has no more: a backfill alone has an end.',
      (_, { completed }) => Number(completed),
    ),
  ]
}

const isOpen = (state: string): boolean => state === 'open' || state === 'paused'
