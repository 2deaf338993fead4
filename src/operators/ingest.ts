import {
  catchError,
  defer,
  EMPTY,
  from,
  ignoreElements,
  type MonoTypeOperatorFunction,
  mergeMap,
  type Observable,
  type ObservableInput,
  retry,
  throwError,
  timeout,
  timer,
} from 'rxjs'
import { isNsid, isNsidPrefix } from '../atproto/syntax.js'
import { currentDelivery } from '../delivery/delivery.js'
import { IngestError, IngestTimeoutError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import { type BackoffOptions, backoff, backoffMs } from '../options/backoff.js'
import { Issues } from '../options/issues.js'
import {
  callback,
  count,
  defaultsTo,
  delay,
  milliseconds,
  oneOf,
  optional,
} from '../options/pieces.js'
import { shown } from '../options/shown.js'
import type { WithDefaults } from '../options/with-defaults.js'
import { GIVEN_UP, isWork, type Work } from './bounded-work.js'
import { drain } from './drain.js'
import { checkQueueOptions, type QueueOptions, queueShape } from './queue-options.js'
import { kindOf, type Routable, type RoutedTo, router } from './route.js'
import { routedWork } from './routed-work.js'

// biome-ignore lint/suspicious/noConfusingVoidType: a handler such as `console.log` is typed `void`
type Answer = void | PromiseLike<unknown> | ObservableInput<unknown>

/**
 * Handles one event. It is done when this returns, or when the promise or observable that it
 * returns has ended.
 */
export type Ingestor<E> = (event: E) => Answer

/**
 * An ingestor for each key: an exact NSID, a prefix such as `app.bsky.graph.*`, `identity`,
 * `account`, `sync`, or `'*'` for all other events. An event goes to the ingestor with the most
 * specific key.
 *
 * For an object declared on its own, name the keys:
 * `Ingestors<JetstreamEvent, 'app.bsky.feed.post' | 'account'>`. A `Map` of the same keys, such as
 * one that is built at run time, is accepted too; its handlers receive every type of event.
 */
export type Ingestors<E, Keys extends string> = {
  // The type of the events comes from the source alone.
  readonly [Key in Keys]: Ingestor<NoInfer<RoutedTo<E, Key>>>
}

/** How {@link ingest} queues, retries and gives up. */
export interface IngestOptions<E> extends QueueOptions<E> {
  /**
   * `'retry'`: up to `attempts`, then the dead letter. `'skip'`: the dead letter at once. `'fail'`:
   * the stream ends at once.
   * @default 'retry'
   */
  readonly onError?: 'retry' | 'skip' | 'fail' | undefined
  /**
   * How many attempts an event has, the first one included.
   * @default 3
   */
  readonly attempts?: number | undefined
  /**
   * The delays between attempts.
   * @default { initialDelayMs: 1000, maxDelayMs: 60_000, multiplier: 2, jitter: 'full' }
   */
  readonly backoff?: BackoffOptions | undefined
  /**
   * Receives an event whose attempts are used up. The event is done when this is. Without it, the
   * stream ends with `IngestError` under `'retry'`; under `'skip'` the event is dropped, with a
   * gap.
   */
  readonly onDeadLetter?: ((event: E, error: unknown) => Answer) | undefined
  /**
   * How long one attempt may take, in milliseconds.
   * @default no limit
   */
  readonly timeoutMs?: number | undefined
  /**
   * How long waiting events are still worked on after the source has completed, in milliseconds.
   * The rest then counts as failed.
   * @default no limit
   */
  readonly drainMs?: number | undefined
  /** Receives each event that has no ingestor; `metrics$` counts them, also by kind. */
  readonly onUnrouted?: ((event: E) => void) | undefined
  /**
   * Runs each attempt of an ingestor, for a trace or a timer around it: calls `work` once, and
   * returns what that returns or something that ends with it. `key` is that of the ingestor.
   * `traced` of `rxjs-atproto/otel` makes one.
   * @default none: the ingestor is called
   */
  readonly around?: Around<E> | undefined
}

/** See {@link IngestOptions.around}. */
export type Around<E> = (work: () => Answer, event: E, key: string) => Answer

export const ingestShape = {
  ...queueShape,
  onError: defaultsTo(oneOf('retry', 'skip', 'fail'), 'retry'),
  attempts: defaultsTo(count, 3),
  backoff: backoff(),
  onDeadLetter: optional(callback),
  timeoutMs: optional(milliseconds),
  drainMs: optional(delay),
  onUnrouted: optional(callback),
  around: optional(callback),
}

type FilledOptions<E> = WithDefaults<IngestOptions<E>, typeof ingestShape>

/**
 * Sends each event to the ingestor of its collection or kind, and emits it when the ingestor is
 * done. Each ingestor has its own queue with the bounds of {@link boundedMergeMap}: a slow one does
 * not delay the others until its queue is full.
 *
 * **Order**: that of arrival for each ingestor with `concurrency: 1`, and for each key with
 * `orderBy`; none between two ingestors. **Loss**: none: an event that fails is retried, then goes
 * to `onDeadLetter`, or ends the stream. **Completion**: when the source has completed and
 * the queues are empty or `drainMs` is over, and the checkpoint is saved. **Errors**: `IngestError`
 * with the event and the cause. {@link ConfigError} at the call. **Unsubscription**: gives up
 * waiting events: a restart delivers them again.
 *
 * ```
 * source    -p-l-p-----|
 * posts      ---|
 * likes        |
 * result    ---lp---p--|
 * ```
 *
 * @example
 * ```ts
 * jetstream$(config).pipe(
 *   ingest(
 *     {
 *       'app.bsky.feed.post': (event) => posts.apply(event),
 *       'app.bsky.graph.*': (event) => graph.apply(event),
 *     },
 *     {
 *       concurrency: 16,
 *       orderBy: (event) => event.did,
 *       onDeadLetter: (event, error) => letters.add(event, error),
 *     },
 *   ),
 * )
 * ```
 */
export function ingest<E extends Routable, Keys extends string>(
  ingestors: Ingestors<E, Keys>,
  options?: IngestOptions<NoInfer<E>>,
): MonoTypeOperatorFunction<E>
/** With a `Map` of ingestors, whose handlers receive every type of event. */
export function ingest<E extends Routable>(
  ingestors: ReadonlyMap<string, Ingestor<NoInfer<E>>>,
  options?: IngestOptions<NoInfer<E>>,
): MonoTypeOperatorFunction<E>
/** What both overloads do. */
export function ingest<E extends Routable>(
  ingestors: object,
  options: IngestOptions<E> = {},
): MonoTypeOperatorFunction<E> {
  const filled = checkQueueOptions('ingest', ingestShape, options, ingestorIssues(ingestors))
  return ingesting(ingestors, filled)
}

/** Like {@link ingest}, with an object or a map that is checked. */
export function ingesting<E extends Routable>(
  ingestors: object,
  filled: FilledOptions<E>,
): MonoTypeOperatorFunction<E> {
  const { drainMs, onUnrouted } = filled
  const handlers = new Map(entriesOf(ingestors) as Iterable<[string, Ingestor<E>]>)
  const keyOf = router([...handlers.keys()])
  // Events without an ingestor are counted, and done.
  const unrouted = (event: E): void => {
    currentDelivery()?.eachSource((source) => {
      source.unrouted += 1
      source.countUnrouted?.(kindOf(event))
    })
    onUnrouted?.(event)
  }
  const workFor = (key: string) => workOf(key, handlers.get(key) as Ingestor<E>, filled)
  const work = routedWork<E>({ keyOf, workOf: workFor, unrouted }, filled)
  return drainMs === undefined ? work : drain(work, drainMs)
}

const entriesOf = (ingestors: object): Iterable<readonly [string, unknown]> =>
  ingestors instanceof Map ? ingestors : Object.entries(ingestors)

export function ingestorIssues(ingestors: unknown): Issues {
  const issues = new Issues()
  if (typeof ingestors !== 'object' || ingestors === null) {
    issues.add('ingestors', `must be an object or a Map of functions, not ${shown(ingestors)}`)
    return issues
  }
  for (const [key, ingestor] of entriesOf(ingestors)) {
    if (typeof ingestor !== 'function')
      issues.add(key, `must be a function, not ${shown(ingestor)}`)
    if (!['identity', 'account', 'sync', '*'].includes(key) && !isNsid(key) && !isNsidPrefix(key))
      issues.add(
        key,
        "must be an NSID, a prefix such as app.bsky.feed.*, 'identity', 'account', 'sync' or '*'",
      )
  }
  return issues
}

/** The first attempt runs without a retry pipeline, since nearly all succeed. */
function workOf<E>(key: string, ingestor: Ingestor<E>, options: FilledOptions<E>): Work<E, E> {
  const { onError, attempts, backoff, timeoutMs, around } = options
  const retries = onError === 'retry' ? attempts - 1 : 0
  const timed =
    timeoutMs === undefined ? ingestor : (event: E) => inTime(ingestor(event), key, timeoutMs)
  const start =
    around === undefined ? timed : (event: E) => around(() => timed(event) as Answer, event, key)
  const again$ = (event: E) =>
    defer(() => ended(start(event))).pipe(
      retry({ count: retries - 1, delay: (_, times) => timer(backoffMs(times + 1, backoff)) }),
    )
  return {
    start,
    result: (event) => event,
    recover: (event, error) => {
      const retried$ =
        retries === 0
          ? throwError(() => error)
          : timer(backoffMs(1, backoff)).pipe(mergeMap(() => again$(event)))
      return retried$.pipe(catchError((last: unknown) => giveUp(event, last, key, options)))
    },
  }
}

/** Completes when the work has ended. */
const ended = (work: unknown): Observable<never> =>
  isWork(work) ? from(work as ObservableInput<unknown>).pipe(ignoreElements()) : EMPTY

const inTime = (work: unknown, key: string, timeoutMs: number): unknown => {
  if (!isWork(work)) return undefined
  const tooLate = () =>
    throwError(
      () =>
        new IngestTimeoutError(
          `the ingestor of ${key} took longer than \`timeoutMs\` (${timeoutMs} ms)`,
        ),
    )
  return ended(work).pipe(timeout({ first: timeoutMs, with: tooLate }))
}

/** Handles an event whose attempts are used up. */
function giveUp<E>(
  event: E,
  error: unknown,
  key: string,
  { onError, attempts, onDeadLetter }: FilledOptions<E>,
): Observable<never> {
  const failed = (what: string, cause: unknown) =>
    throwError(
      () => new IngestError(`the ${what} of ${key} failed: ${messageOf(cause)}`, event, { cause }),
    )
  if (onError === 'fail') return failed('ingestor', error)
  if (onDeadLetter !== undefined)
    return defer(() => ended(onDeadLetter(event, error))).pipe(
      catchError((cause) => failed('dead letter', cause)),
    )
  if (onError === 'skip') return throwError(() => GIVEN_UP)
  return failed(`ingestor (${attempts} attempts, and no \`onDeadLetter\`)`, error)
}
