import type { BehaviorSubject } from 'rxjs'
import * as z from 'zod/mini'
import { type Log, type Logger, logOf } from '../../internal/log.js'
import type { BackoffOptions } from '../../options/backoff.js'
import { checkShape, Issues, logOption, observer } from '../../options/shapes.js'
import { clientIssue, isRedisClient, type RedisClient } from '../../redis-client/client.js'
import type { EntryFormatName } from '../../redis-entries/entry-format.js'
import type { RedisSinkMetrics } from './metrics.js'

/** Where a value stands in its source. */
export interface RedisEntryPlace {
  /** A whole number, not below 0. */
  readonly position: number
  /** Its place among values of the same position. @default 0 */
  readonly index?: number | undefined
  /** Whose position it is. @default '' */
  readonly host?: string | undefined
}

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that only calls another is typed `void`
type DeadLetterAnswer = void | PromiseLike<unknown>

/** How {@link toRedisStream} writes, and how long it waits. */
export interface RedisStreamOptions<Event> {
  /** Of `@redis/client` or `ioredis`, connected. Stays yours to close. */
  readonly client: RedisClient
  /** The stream's key. */
  readonly stream: string
  /**
   * Spreads events over so many streams, `stream{0}` and on; those of one DID stay in one.
   * @default none: one stream, named as it is
   */
  readonly partitions?: number | undefined
  /** By what events are spread over partitions. @default (event) => event.did */
  readonly partitionBy?: ((event: Event) => string) | undefined
  /**
   * `'position'`: an entry's id is the event's position and its place among those that share it;
   * for one writer and one host a stream. `'redis'`: Redis makes the ids, and the last 100,000
   * entries are known beside the stream; for several writers or hosts, for sources that send again
   * out of order (`tap$`), and where consumers delete entries. @default 'position'
   */
  readonly ids?: 'position' | 'redis' | undefined
  /**
   * Where a value stands, for those that do not come from a source of this library. @default what
   * the source says
   */
  readonly id?: ((event: Event) => RedisEntryPlace) | undefined
  /**
   * What an entry's fields are: our event as JSON, or what the programs of rsky read.
   * @default 'json'
   */
  readonly format?: EntryFormatName | undefined
  /** How many events are written at once. @default 500 */
  readonly size?: number | undefined
  /** How long the first event of a batch waits for the others, in milliseconds. @default 1000 */
  readonly maxWaitMs?: number | undefined
  /** How many events may wait before the source is paused. @default 10_000 */
  readonly capacity?: number | undefined
  /** Trims the stream to about so many entries, read or not (`MAXLEN ~`). @default Infinity */
  readonly maxLen?: number | undefined
  /**
   * Waits while the slowest group has so many entries to read, all partitions together; while there
   * is no group, so many entries. @default 100_000
   */
  readonly highWaterMark?: number | undefined
  /** How often the unread entries are counted, in milliseconds. @default 1000 */
  readonly checkEveryMs?: number | undefined
  /**
   * How many entries are kept in memory and written again where Redis lost them in a crash.
   * @default 10_000
   */
  readonly rewrite?: number | undefined
  /** How long Redis may take to answer, in milliseconds. @default 5000 */
  readonly timeoutMs?: number | undefined
  /**
   * How long to wait before the next attempt when Redis cannot take entries. It never gives up.
   * @default { initialDelayMs: 100, maxDelayMs: 10_000 }
   */
  readonly backoff?: BackoffOptions | undefined
  /**
   * Receives an event that cannot be written as an entry, such as one that `JSON.stringify`
   * refuses, and the error. The event is done when this is; where this fails, the stream ends with
   * `IngestError`. @default the event is dropped, with a gap, and the first one of them is logged
   */
  readonly onDeadLetter?: ((event: Event, error: unknown) => DeadLetterAnswer) | undefined
  /** Is told the sink's numbers: see {@link redisSinkMetrics}. @default none */
  readonly metrics$?: BehaviorSubject<RedisSinkMetrics> | undefined
  /**
   * Receives one line for what an operator must know; never one for each event. `false`: nothing is
   * written. @default console
   */
  readonly log?: false | Logger | undefined
}

type Given<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> }

/** The options with their defaults. */
export interface Settings<Event>
  extends Given<
    Omit<RedisStreamOptions<Event>, 'id' | 'partitions' | 'metrics$' | 'log' | 'onDeadLetter'>
  > {
  readonly id: RedisStreamOptions<Event>['id']
  readonly metrics$: RedisStreamOptions<Event>['metrics$']
  readonly onDeadLetter: RedisStreamOptions<Event>['onDeadLetter']
  readonly log: Log
  /** The keys of the streams, one for each partition. */
  readonly streams: readonly string[]
}

// A timer that is asked for more fires at once.
const milliseconds = z
  .number('must be a number of milliseconds')
  .check(z.positive('must be above 0'), z.lte(2 ** 31 - 1, 'is too long'))
const aFunction = z.custom((value) => typeof value === 'function', 'must be a function')
const whole = (least: number, message: string) =>
  z.custom<number>(
    (value) =>
      value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && Number(value) >= least),
    message,
  )
const count = whole(1, 'must be a whole number above 0, or Infinity')

const schema = z.strictObject({
  stream: z.string('must be the name of a stream').check(z.minLength(1, 'must not be empty')),
  partitions: z.optional(
    z
      .int('must be a whole number')
      .check(z.gte(1, 'must be at least 1'), z.lte(16_384, 'must be at most 16384')),
  ),
  partitionBy: z.optional(aFunction),
  ids: z.optional(z.enum(['position', 'redis'], "must be 'position' or 'redis'")),
  id: z.optional(aFunction),
  onDeadLetter: z.optional(aFunction),
  format: z.optional(z.enum(['json', 'rsky'], "must be 'json' or 'rsky'")),
  size: z.optional(
    z
      .int('must be a whole number')
      .check(z.gte(1, 'must be at least 1'), z.lte(10_000, 'must be at most 10000')),
  ),
  maxWaitMs: z.optional(milliseconds),
  capacity: z.optional(count),
  maxLen: z.optional(count),
  highWaterMark: z.optional(count),
  checkEveryMs: z.optional(milliseconds),
  rewrite: z.optional(whole(0, 'must be a whole number, or Infinity')),
  timeoutMs: z.optional(milliseconds),
  backoff: z.optional(z.looseObject({}, 'must be an object of backoff options')),
  metrics$: z.optional(observer()),
  log: z.optional(logOption),
})

/** Throws `ConfigError` with every mistake. */
export function settingsOf<Event>(options: RedisStreamOptions<Event>): Settings<Event> {
  const issues = new Issues()
  // Checked apart: a client has too much in it for a message.
  const { client, ...rest } = options ?? {}
  if (!isRedisClient(client)) issues.add('client', clientIssue(client))
  checkShape(schema, rest, issues)
  issues.throwIfAny('toRedisStream')
  const { stream, partitions } = options
  return {
    client,
    stream,
    streams:
      partitions === undefined
        ? [stream]
        : Array.from({ length: partitions }, (_, partition) => `${stream}{${partition}}`),
    partitionBy: options.partitionBy ?? didOf,
    ids: options.ids ?? 'position',
    id: options.id,
    onDeadLetter: options.onDeadLetter,
    format: options.format ?? 'json',
    size: options.size ?? 500,
    maxWaitMs: options.maxWaitMs ?? 1000,
    capacity: options.capacity ?? 10_000,
    maxLen: options.maxLen ?? Number.POSITIVE_INFINITY,
    highWaterMark: options.highWaterMark ?? 100_000,
    checkEveryMs: options.checkEveryMs ?? 1000,
    rewrite: options.rewrite ?? 10_000,
    timeoutMs: options.timeoutMs ?? 5000,
    backoff: { initialDelayMs: 100, maxDelayMs: 10_000, ...options.backoff },
    metrics$: options.metrics$,
    log: logOf(options.log),
  }
}

function didOf(event: unknown): string {
  const did = typeof event === 'object' && event !== null && 'did' in event ? event.did : undefined
  if (typeof did === 'string') return did
  throw new TypeError(
    'the event has no `did` to spread it over partitions by: say with `partitionBy` what to take',
  )
}
