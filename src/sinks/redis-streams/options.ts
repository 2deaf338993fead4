import type { BehaviorSubject } from 'rxjs'
import * as z from '#schema'
import { type Log, type Logger, logOf } from '../../internal/log.js'
import { type BackoffOptions, backoff } from '../../options/backoff.js'
import { checkShape } from '../../options/check-shape.js'
import { log, observer } from '../../options/contracts.js'
import { Issues } from '../../options/issues.js'
import {
  callback,
  count,
  countUpTo,
  defaultsTo,
  milliseconds,
  oneOf,
  optional,
  whole,
} from '../../options/pieces.js'
import type { WithDefaults } from '../../options/with-defaults.js'
import type { RedisClient } from '../../redis-client/client.js'
import { partitionCount, redisClient } from '../../redis-client/options.js'
import type { EntryFormatName } from '../../redis-entries/entry-format.js'
import type { RedisSinkMetrics } from './metrics.js'

/** The position of a value in its source. */
export interface RedisEntryPlace {
  /** A whole number, not below 0. */
  readonly position: number
  /**
   * Its index among values at the same position.
   * @default 0
   */
  readonly index?: number | undefined
  /**
   * The host that the position belongs to.
   * @default ''
   */
  readonly host?: string | undefined
}

// biome-ignore lint/suspicious/noConfusingVoidType: a handler may only call another
type DeadLetterAnswer = void | PromiseLike<unknown>

/** How {@link toRedisStream} writes, and how long it waits. */
export interface RedisStreamOptions<Event> {
  /** A connected client of `@redis/client` or `ioredis`. You close it. */
  readonly client: RedisClient
  /** The stream's key. */
  readonly stream: string
  /**
   * Spreads events over this many streams, `stream{0}` and on. Events of one DID share a stream.
   * @default none: one stream, named as it is
   */
  readonly partitions?: number | undefined
  /**
   * The key by which events are spread over partitions.
   * @default (event) => event.did
   */
  readonly partitionBy?: ((event: Event) => string) | undefined
  /**
   * `'position'`: an entry's id is the event's position and its index there; for streams with one
   * writer and one host. `'redis'`: Redis makes the ids, and the last 100,000 entries are recorded
   * beside the stream to find duplicates; for several writers or hosts, for sources that repeat
   * events out of order (`tap$`), and where consumers delete entries.
   * @default 'position'
   */
  readonly ids?: 'position' | 'redis' | undefined
  /**
   * The position of a value that does not come from a source of this library.
   * @default the position that the source gave
   */
  readonly id?: ((event: Event) => RedisEntryPlace) | undefined
  /**
   * The fields of an entry: our event as JSON, or the format that the programs of rsky read.
   * @default 'json'
   */
  readonly format?: EntryFormatName | undefined
  /**
   * The largest number of events in one write.
   * @default 500
   */
  readonly size?: number | undefined
  /**
   * How long the first event of a batch waits for the others, in milliseconds.
   * @default 1000
   */
  readonly maxWaitMs?: number | undefined
  /**
   * How many events may wait before the source is paused.
   * @default 10_000
   */
  readonly capacity?: number | undefined
  /**
   * Trims the stream to about this many entries, read or not (`MAXLEN ~`).
   * @default Infinity
   */
  readonly maxLen?: number | undefined
  /**
   * Pauses while the slowest group has this many entries to read, over all partitions. While there
   * is no group, all entries count.
   * @default 100_000
   */
  readonly highWaterMark?: number | undefined
  /**
   * How often the unread entries are counted, in milliseconds.
   * @default 1000
   */
  readonly checkEveryMs?: number | undefined
  /**
   * How many written entries are kept in memory, to be written again if Redis loses them in a
   * crash.
   * @default 10_000
   */
  readonly rewrite?: number | undefined
  /**
   * How long Redis may take to reply, in milliseconds.
   * @default 5000
   */
  readonly timeoutMs?: number | undefined
  /**
   * The delays between attempts while Redis cannot take entries. It never gives up.
   * @default { initialDelayMs: 100, maxDelayMs: 10_000 }
   */
  readonly backoff?: BackoffOptions | undefined
  /**
   * Receives an event that cannot be written as an entry, such as one that `JSON.stringify`
   * refuses, and the error. The event is done when this is; where this fails, the stream ends with
   * `IngestError`.
   * @default the event is dropped, with a gap, and the first one of them is logged
   */
  readonly onDeadLetter?: ((event: Event, error: unknown) => DeadLetterAnswer) | undefined
  /**
   * Receives the sink's metrics: see {@link redisSinkMetrics}.
   * @default none
   */
  readonly metrics$?: BehaviorSubject<RedisSinkMetrics> | undefined
  /**
   * Receives one line for each thing that an operator must know, never one for each event. `false`:
   * nothing is written.
   * @default console
   */
  readonly log?: false | Logger | undefined
}

const shape = {
  client: redisClient,
  stream: z.string('must be the name of a stream').check(z.minLength(1, 'must not be empty')),
  partitions: optional(partitionCount),
  partitionBy: defaultsTo(callback, () => didOf),
  ids: defaultsTo(oneOf('position', 'redis'), 'position'),
  id: optional(callback),
  onDeadLetter: optional(callback),
  format: defaultsTo(oneOf('json', 'rsky'), 'json'),
  size: defaultsTo(countUpTo(10_000), 500),
  maxWaitMs: defaultsTo(milliseconds, 1000),
  capacity: defaultsTo(count, 10_000),
  maxLen: defaultsTo(count, Number.POSITIVE_INFINITY),
  highWaterMark: defaultsTo(count, 100_000),
  checkEveryMs: defaultsTo(milliseconds, 1000),
  rewrite: defaultsTo(whole, 10_000),
  timeoutMs: defaultsTo(milliseconds, 5000),
  backoff: backoff({ initialDelayMs: 100, maxDelayMs: 10_000 }),
  metrics$: optional(observer),
  log: optional(log),
}

/** The options with their defaults. */
export interface Settings<Event>
  extends Omit<WithDefaults<RedisStreamOptions<Event>, typeof shape>, 'log'> {
  readonly log: Log
}

/** Throws `ConfigError` with every mistake. */
export function settingsOf<Event>(options: RedisStreamOptions<Event>): Settings<Event> {
  const issues = new Issues()
  const settings = checkShape(shape, options, issues)
  issues.throwIfAny('toRedisStream')
  return { ...settings, log: logOf(settings.log) }
}

function didOf(event: unknown): string {
  const did = typeof event === 'object' && event !== null && 'did' in event ? event.did : undefined
  if (typeof did === 'string') return did
  throw new TypeError('the event has no `did` to pick a partition by: set `partitionBy`')
}
