import type { BehaviorSubject, Observer } from 'rxjs'
import * as z from 'zod/mini'
import type { Gap } from '../../delivery/gaps.js'
import type { StreamMetrics } from '../../delivery/metrics.js'
import type { RejectedFrame } from '../../delivery/rejects.js'
import { type Log, type Logger, logOf } from '../../internal/log.js'
import type { BackoffOptions } from '../../options/backoff.js'
import { checkShape, Issues, logOption, observer, shown } from '../../options/shapes.js'
import { clientIssue, isRedisClient, type RedisClient } from '../../redis-client/client.js'
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
   * This process's name in the group: another than that of every other process, and best the same
   * after a restart.
   */
  readonly consumer: string
  /**
   * Where a group that is created begins: `'oldest'`, all that the stream holds; `'new'`, what
   * comes from now on; or behind the entry of an id. @default 'oldest'
   */
  readonly from?: 'oldest' | 'new' | (string & {}) | undefined
  /** How the entries are written. @default 'json' */
  readonly format?: EntryFormatName | undefined
  /**
   * Reads the streams `<stream>{0}` to `<stream>{n-1}`, as `toRedisStream` writes them, each by one
   * process at a time. All processes of a group, and the writer, must name the same number.
   * @default none: one stream, whose entries all consumers of the group share
   */
  readonly partitions?: number | undefined
  /** How many entries one read takes at most. @default 500 */
  readonly batchSize?: number | undefined
  /**
   * How many entries of a stream (or of each partition) this process has at once, read and not
   * acked. @default 1000
   */
  readonly maxInHand?: number | undefined
  /** How long a read waits for something to come, in milliseconds. @default 5000 */
  readonly blockMs?: number | undefined
  /** How often an entry is delivered before it is given up. @default 5 */
  readonly maxDeliveries?: number | undefined
  /**
   * How long an entry whose work failed waits for its next delivery. @default { initialDelayMs:
   * 1000, maxDelayMs: 60_000, multiplier: 2, jitter: 'full' }
   */
  readonly backoff?: BackoffOptions | undefined
  /**
   * The stream that takes what is given up; `false`: nothing does, it is acked and reported as a
   * gap. @default '<stream>:dead', beside each stream or partition
   */
  readonly deadLetter?: string | false | undefined
  /**
   * Entries that no consumer has touched for so long are taken over, in milliseconds: their process
   * is dead. One that works on an entry for longer says so at each third of it. @default 60_000
   */
  readonly claimIdleMs?: number | undefined
  /**
   * How long a partition stays with a process that gives no sign of life, in milliseconds.
   * @default 15_000
   */
  readonly leaseMs?: number | undefined
  /**
   * How long at most, after the end of the subscription or when a partition goes to another
   * process, what is in the pipe is kept from the other consumers, in milliseconds. @default 10_000
   */
  readonly lingerMs?: number | undefined
  /**
   * When to try again what Redis could not serve. @default { initialDelayMs: 250, maxDelayMs:
   * 10_000, multiplier: 2, jitter: 'full' }
   */
  readonly reconnect?: BackoffOptions | undefined
  /**
   * Is told the stream's numbers, every second and at every change of the connection's state. Make
   * one with `streamMetrics()`. @default none
   */
  readonly metrics$?: BehaviorSubject<StreamMetrics> | undefined
  /**
   * Is told each entry that could not be read, its fields as JSON. It goes to the dead letters.
   * @default none
   */
  readonly rejects?: Partial<Observer<RejectedFrame>> | undefined
  /**
   * Is told each range of entries that was trimmed before it was read, or given up. @default none
   */
  readonly gaps?: Partial<Observer<Gap>> | undefined
  /**
   * Receives one line for what an operator must know, such as entries that were trimmed unread;
   * never one for each entry. `false`: nothing is written. @default console
   */
  readonly log?: false | Logger | undefined
}

/** The config, checked, with its defaults. */
export interface StreamOptions {
  readonly stream: string
  readonly group: string
  readonly consumer: string
  readonly from: string
  readonly format: EntryFormat
  readonly partitions: number | undefined
  readonly batchSize: number
  readonly maxInHand: number
  readonly blockMs: number
  readonly maxDeliveries: number
  readonly backoff: BackoffOptions
  deadLetter(stream: string): string | undefined
  readonly claimIdleMs: number
  readonly leaseMs: number
  readonly lingerMs: number
  readonly reconnect: BackoffOptions
  readonly metrics$: BehaviorSubject<StreamMetrics> | undefined
  readonly rejects: Partial<Observer<RejectedFrame>> | undefined
  readonly gaps: Partial<Observer<Gap>> | undefined
  readonly log: Log
}

// Above it a timer fires at once.
const LONGEST_MS = 2 ** 31 - 1
const name = z.string('must be a string').check(z.minLength(1, 'must not be empty'))
const count = z
  .int('must be a whole number above 0')
  .check(z.gte(1, 'must be a whole number above 0'))
const milliseconds = z
  .number('must be a number of milliseconds')
  .check(z.gte(1, 'must be at least 1'), z.lte(LONGEST_MS, 'is too long'))
const delayMs = z
  .number('must be a number of milliseconds')
  .check(z.gte(0, 'must not be negative'), z.lte(LONGEST_MS, 'is too long'))
const backoff = z.strictObject({
  initialDelayMs: z.optional(delayMs),
  maxDelayMs: z.optional(delayMs),
  multiplier: z.optional(z.number('must be a number').check(z.gte(1, 'must be at least 1'))),
  jitter: z.optional(z.enum(['full', 'none'], "must be 'full' or 'none'")),
  random: z.optional(
    z.custom<() => number>((value) => typeof value === 'function', 'must be a function'),
  ),
})

const schema = z.strictObject({
  stream: name,
  group: name,
  consumer: name,
  from: z.optional(
    z
      .string('must be a string')
      .check(z.regex(/^(oldest|new|\d+(-\d+)?)$/, "must be 'oldest', 'new' or the id of an entry")),
  ),
  format: z.optional(z.enum(['json', 'rsky'], "must be 'json' or 'rsky'")),
  partitions: z.optional(count),
  batchSize: z.optional(count),
  maxInHand: z.optional(count),
  blockMs: z.optional(milliseconds),
  maxDeliveries: z.optional(count),
  backoff: z.optional(backoff),
  deadLetter: z.optional(
    z.union([name, z.literal(false)], 'must be the key of a stream, or false'),
  ),
  claimIdleMs: z.optional(milliseconds),
  leaseMs: z.optional(milliseconds),
  lingerMs: z.optional(delayMs),
  reconnect: z.optional(backoff),
  metrics$: z.optional(observer()),
  rejects: z.optional(observer()),
  gaps: z.optional(observer()),
  log: z.optional(logOption),
})

/** Throws `ConfigError` with every mistake. */
export function streamOptions(config: RedisStreamConfig): StreamOptions {
  const issues = new Issues()
  const { client, ...rest } = config ?? {}
  // Checked apart: a client may hold a password, which no message shows.
  if (!isRedisClient(client)) issues.add('client', clientIssue(client))
  checkShape(schema, rest, issues)
  const { stream, deadLetter, partitions, leaseMs = 15_000, blockMs = 5000 } = config ?? {}
  if (deadLetter === stream && typeof stream === 'string')
    issues.add('deadLetter', `must be another stream than ${shown(stream)}`)
  issues.throwIfAny('redisStream$')
  return {
    stream,
    group: config.group,
    consumer: config.consumer,
    from: config.from ?? 'oldest',
    format: formatOf(config.format ?? 'json'),
    partitions,
    batchSize: config.batchSize ?? 500,
    maxInHand: config.maxInHand ?? 1000,
    // A read that waits longer than a lease would not notice its loss.
    blockMs: Math.ceil(partitions === undefined ? blockMs : Math.min(blockMs, leaseMs / 3)),
    maxDeliveries: config.maxDeliveries ?? 5,
    backoff: config.backoff ?? {},
    deadLetter: (key) => (deadLetter === false ? undefined : (deadLetter ?? `${key}:dead`)),
    claimIdleMs: Math.ceil(config.claimIdleMs ?? 60_000),
    leaseMs: Math.ceil(leaseMs),
    lingerMs: config.lingerMs ?? 10_000,
    reconnect: { initialDelayMs: 250, maxDelayMs: 10_000, ...config.reconnect },
    metrics$: config.metrics$,
    rejects: config.rejects,
    gaps: config.gaps,
    log: logOf(config.log),
  }
}
