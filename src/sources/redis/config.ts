import type { BehaviorSubject, Observer } from 'rxjs'
import * as z from '#schema'
import type { Gap } from '../../delivery/gaps.js'
import type { StreamMetrics } from '../../delivery/metrics.js'
import type { RejectedFrame } from '../../delivery/rejects.js'
import { type Log, type Logger, logOf } from '../../internal/log.js'
import { type BackoffOptions, backoff } from '../../options/backoff.js'
import { checkShape } from '../../options/check-shape.js'
import { log, observer } from '../../options/contracts.js'
import { Issues } from '../../options/issues.js'
import {
  defaultsTo,
  delay,
  finiteCount,
  milliseconds,
  name,
  oneOf,
  optional,
} from '../../options/pieces.js'
import { renamedTo } from '../../options/saying.js'
import { shown } from '../../options/shown.js'
import type { WithDefaults } from '../../options/with-defaults.js'
import type { RedisClient } from '../../redis-client/client.js'
import { partitionCount, redisClient } from '../../redis-client/options.js'
import type { EntryFormat, EntryFormatName } from '../../redis-entries/entry-format.js'
import { formatOf } from '../../redis-entries/format.js'

/**
 * Which Redis stream to read, as which consumer of which group, and what becomes of entries that
 * fail.
 */
export interface RedisStreamConfig {
  /**
   * A client of `@redis/client` or `ioredis`, connected. Reads that block get a connection of their
   * own, made by its `duplicate()`.
   */
  readonly client: RedisClient
  /** The stream's key; with `partitions`, the name that they share. */
  readonly stream: string
  /** The consumer group. It is created where it is absent. */
  readonly group: string
  /**
   * The name of this process in the group. Each process needs its own name, best the same one after
   * a restart.
   */
  readonly consumer: string
  /**
   * Where a new group starts: `'oldest'`, with all entries of the stream; `'new'`, with entries
   * added from now on; or after the entry with this id.
   * @default 'oldest'
   */
  readonly from?: 'oldest' | 'new' | (string & {}) | undefined
  /**
   * The format of the entries.
   * @default 'json'
   */
  readonly format?: EntryFormatName | undefined
  /**
   * Reads the streams `<stream>{0}` to `<stream>{n-1}`, as `toRedisStream` writes them. Each is
   * read by one process at a time. The writer and all processes of a group need the same number.
   * @default none: one stream, whose entries all consumers of the group share
   */
  readonly partitions?: number | undefined
  /**
   * The largest number of entries that one read returns.
   * @default 500
   */
  readonly batchSize?: number | undefined
  /**
   * How many entries of a stream (or of each partition) this process may have pending: read, and
   * not yet acked.
   * @default 1000
   */
  readonly maxPending?: number | undefined
  /**
   * How long a read waits for an entry, in milliseconds.
   * @default 5000
   */
  readonly blockMs?: number | undefined
  /**
   * How often an entry is delivered before it goes to the dead letters.
   * @default 5
   */
  readonly maxDeliveries?: number | undefined
  /**
   * The delays before an entry whose work failed is delivered again.
   * @default { initialDelayMs: 1000, maxDelayMs: 60_000, multiplier: 2, jitter: 'full' }
   */
  readonly backoff?: BackoffOptions | undefined
  /**
   * The stream for entries that are given up. `false`: such an entry is acked and reported as a
   * gap.
   * @default '<stream>:dead', beside each stream or partition
   */
  readonly deadLetter?: string | false | undefined
  /**
   * Entries that no consumer has touched for this time are taken over, in milliseconds: their
   * process is considered dead. A process that works longer on an entry renews it at each third of
   * this time.
   * @default 60_000
   */
  readonly claimIdleMs?: number | undefined
  /**
   * How long a process keeps a partition without renewing its lease, in milliseconds.
   * @default 15_000
   */
  readonly leaseMs?: number | undefined
  /**
   * The longest time that entries in the pipe are kept from other consumers, in milliseconds: after
   * the end of the subscription, or when a partition moves to another process.
   * @default 10_000
   */
  readonly lingerMs?: number | undefined
  /**
   * The delays before a command that Redis could not serve is retried.
   * @default { initialDelayMs: 250, maxDelayMs: 10_000, multiplier: 2, jitter: 'full' }
   */
  readonly reconnect?: BackoffOptions | undefined
  /**
   * Receives the stream's metrics, every second and at every change of the connection's state.
   * Create one with `streamMetrics()`.
   * @default none
   */
  readonly metrics$?: BehaviorSubject<StreamMetrics> | undefined
  /**
   * Receives each entry that could not be read, its fields as JSON. The entry goes to the dead
   * letters.
   * @default none
   */
  readonly rejects?: Partial<Observer<RejectedFrame>> | undefined
  /**
   * Receives each range of entries that was trimmed before it was read, or given up.
   * @default none
   */
  readonly gaps?: Partial<Observer<Gap>> | undefined
  /**
   * Receives one line for each thing that an operator must know, such as entries that were trimmed
   * unread. It is never one line for each entry. `false`: nothing is written.
   * @default console
   */
  readonly log?: false | Logger | undefined
}

const shape = {
  client: redisClient,
  stream: name,
  group: name,
  consumer: name,
  from: defaultsTo(
    z
      .string('must be a string')
      .check(z.regex(/^(oldest|new|\d+(-\d+)?)$/, "must be 'oldest', 'new' or the id of an entry")),
    'oldest',
  ),
  format: defaultsTo(oneOf('json', 'rsky'), 'json'),
  partitions: optional(partitionCount),
  batchSize: defaultsTo(finiteCount, 500),
  maxPending: defaultsTo(finiteCount, 1000),
  blockMs: defaultsTo(milliseconds, 5000),
  maxDeliveries: defaultsTo(finiteCount, 5),
  backoff: backoff(),
  deadLetter: optional(z.union([name, z.literal(false)], 'must be the key of a stream, or false')),
  claimIdleMs: defaultsTo(milliseconds, 60_000),
  leaseMs: defaultsTo(milliseconds, 15_000),
  lingerMs: defaultsTo(delay, 10_000),
  reconnect: backoff({ initialDelayMs: 250, maxDelayMs: 10_000 }),
  metrics$: optional(observer),
  rejects: optional(observer),
  gaps: optional(observer),
  log: optional(log),
}

type FilledConfig = WithDefaults<RedisStreamConfig, typeof shape>

/** The config with its defaults, as the consumer reads it. */
export interface StreamOptions
  extends Omit<FilledConfig, 'client' | 'format' | 'deadLetter' | 'log'> {
  readonly format: EntryFormat
  deadLetter(stream: string): string | undefined
  readonly log: Log
}

/** Throws `ConfigError` with every mistake. */
export function streamOptions(config: RedisStreamConfig): StreamOptions {
  const issues = new Issues()
  const known = { ...shape, maxInHand: renamedTo('maxPending') }
  const sound = checkShape(known, config, issues)
  const { client: _client, stream, deadLetter, partitions, leaseMs, ...options } = sound
  if (deadLetter === stream && typeof stream === 'string')
    issues.add('deadLetter', `must be another stream than ${shown(stream)}`)
  issues.throwIfAny('redisStream$')
  // A read that waits longer than a lease would not notice its loss.
  const blockMs =
    partitions === undefined ? options.blockMs : Math.min(options.blockMs, leaseMs / 3)
  return {
    ...options,
    stream,
    partitions,
    format: formatOf(options.format),
    deadLetter: (key) => (deadLetter === false ? undefined : (deadLetter ?? `${key}:dead`)),
    // Redis takes whole milliseconds; a `BLOCK 0` would wait without an end.
    blockMs: Math.ceil(blockMs),
    claimIdleMs: Math.ceil(options.claimIdleMs),
    leaseMs: Math.ceil(leaseMs),
    log: logOf(options.log),
  }
}
