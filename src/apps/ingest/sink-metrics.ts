import type { RedisSinkMetrics } from '../../redis.js'
import type { Family } from './prometheus.js'
import type { EntrySink } from './sink.js'

/** The numbers of the streams of Redis. */
export function sinkFamilies(sinks: readonly EntrySink[]): readonly Family[] {
  const family = (
    type: Family['type'],
    name: string,
    help: string,
    read: (metrics: RedisSinkMetrics) => number,
  ): Family => ({
    name: `rxjs_atproto_redis_${name}`,
    type,
    help,
    samples: sinks.map(({ stream, metrics }) => ({ labels: { stream }, value: read(metrics) })),
  })
  return [
    family('counter', 'entries_written_total', 'Entries added.', ({ written }) => written),
    family(
      'counter',
      'entries_duplicate_total',
      'Entries that were in the stream already.',
      ({ duplicates }) => duplicates,
    ),
    family(
      'counter',
      'entries_rewritten_total',
      'Entries that Redis had lost, added once more.',
      ({ rewritten }) => rewritten,
    ),
    family(
      'counter',
      'holes_total',
      'How often Redis had lost more than could be added again.',
      ({ holes }) => holes,
    ),
    family(
      'counter',
      'events_rejected_total',
      'Events that could not be written as an entry.',
      ({ rejected }) => rejected,
    ),
    family(
      'counter',
      'retries_total',
      'Attempts to write after the first.',
      ({ retries }) => retries,
    ),
    family('gauge', 'pending', 'Entries that wait to be written.', ({ pending }) => pending),
    family(
      'gauge',
      'unread',
      'Entries that the slowest consumer group has not read; without a group, all.',
      ({ unread }) => unread,
    ),
    family(
      'gauge',
      'high_water',
      '1 while nothing is written, since readers are behind.',
      ({ status }) => Number(status.state === 'high-water'),
    ),
    family('gauge', 'waiting', '1 while Redis takes nothing.', ({ status }) =>
      Number(status.state === 'waiting'),
    ),
  ]
}
