import * as fc from 'fast-check'
import {
  concat,
  defer,
  filter,
  groupBy,
  ignoreElements,
  type MonoTypeOperatorFunction,
  map,
  merge,
  mergeMap,
  type Observable,
  type ObservableInput,
  of,
  share,
  switchMap,
  take,
  throwError,
  timer,
} from 'rxjs'
import { boundedBatchMap } from '../../src/operators/bounded-batch-map.js'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { held } from '../../src/operators/held.js'
import { ingest } from '../../src/operators/ingest.js'
import type { Overflow } from '../../src/operators/queue-options.js'
import { integer } from '../../src/testing/generate/random.js'
import type { Numbered } from './fake-log.js'

interface Bounds {
  readonly capacity: number
  readonly concurrency: number
  readonly overflow: Overflow
}

/** A pipe as data, so that a counterexample can be read. */
export type Stage =
  | { readonly do: 'map' | 'switchMap' | 'held' }
  | { readonly do: 'filter'; readonly keep: number }
  | { readonly do: 'take'; readonly count: number }
  | { readonly do: 'groupBy'; readonly keys: number; readonly inner: readonly Stage[] }
  | { readonly do: 'share'; readonly left: readonly Stage[]; readonly right: readonly Stage[] }
  | { readonly do: 'merge'; readonly bounds: Bounds; readonly keys: number; readonly lag: number }
  | {
      readonly do: 'batch'
      readonly bounds: Bounds
      readonly size: number
      readonly maxWaitMs: number
    }
  | {
      readonly do: 'ingest'
      readonly bounds: Bounds
      readonly keys: number
      readonly onError: 'retry' | 'skip'
      readonly attempts: number
      readonly deadLetter: boolean
      readonly timeoutMs: number | undefined
      readonly drainMs: number | undefined
    }

const small = (max: number) => fc.integer({ min: 1, max })

const bounds: fc.Arbitrary<Bounds> = fc.record({
  capacity: small(6),
  concurrency: fc.oneof(small(4), fc.constant(Number.POSITIVE_INFINITY)),
  overflow: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Overflow>('pause') },
    { weight: 3, arbitrary: fc.constantFrom<Overflow>('drop-oldest', 'drop-newest') },
    { weight: 1, arbitrary: fc.constant<Overflow>('error') },
  ),
})

const plain: fc.Arbitrary<Stage> = fc.oneof(
  fc.record({ do: fc.constantFrom('map' as const, 'switchMap' as const) }),
  fc.record({ do: fc.constant('filter' as const), keep: small(4) }),
  fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 5, max: 200 }) }),
)

const queueing: fc.Arbitrary<Stage> = fc.oneof(
  fc.record({ do: fc.constant('held' as const) }),
  fc.record({
    do: fc.constant('merge' as const),
    bounds,
    keys: fc.integer({ min: 0, max: 4 }),
    lag: fc.integer({ min: 0, max: 4 }),
  }),
  fc.record({ do: fc.constant('batch' as const), bounds, size: small(5), maxWaitMs: small(40) }),
  fc.record({
    do: fc.constant('ingest' as const),
    bounds,
    keys: fc.integer({ min: 0, max: 4 }),
    onError: fc.constantFrom('retry' as const, 'skip' as const),
    attempts: small(3),
    deadLetter: fc.boolean(),
    timeoutMs: fc.option(small(60), { nil: undefined }),
    drainMs: fc.option(small(100), { nil: undefined }),
  }),
)

const { stages } = fc.letrec<{ stages: Stage[]; stage: Stage }>((tie) => ({
  stages: fc.array(tie('stage'), { minLength: 1, maxLength: 3, depthIdentifier: 'pipe' }),
  stage: fc.oneof(
    { depthIdentifier: 'pipe', maxDepth: 2 },
    { weight: 3, arbitrary: queueing },
    { weight: 2, arbitrary: plain },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('groupBy' as const),
        keys: small(3),
        inner: tie('stages'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('share' as const),
        left: tie('stages'),
        right: tie('stages'),
      }),
    },
  ),
}))

export const pipes: fc.Arbitrary<Stage[]> = stages

/** What is told of each visit of an event to an operator that works on it. */
export interface Work {
  /** An event is about to be taken; the answer is the event to work on. */
  enter(event: Numbered): Numbered
  /** The work on it is truly done, or it was given up. */
  leave(event: Numbered): void
  readonly random: () => number
  /** In how many cases out of one work fails for good. */
  readonly failing: number
}

type Pipe = MonoTypeOperatorFunction<Numbered>

export const build =
  (pipe: readonly Stage[], work: Work): Pipe =>
  (source) =>
    pipe.reduce<Observable<Numbered>>(
      (events$, stage) => events$.pipe(operatorOf(stage, work)),
      source,
    )

function operatorOf(stage: Stage, work: Work): Pipe {
  const entered: Pipe = map((event) => work.enter(event))
  switch (stage.do) {
    case 'map':
      return map((event) => ({ ...event }))
    case 'switchMap':
      return switchMap((event) => of(event))
    case 'filter':
      return filter(({ n }) => n % (stage.keep + 1) !== 0)
    case 'take':
      return take(stage.count)
    case 'groupBy':
      return (source) =>
        source.pipe(
          groupBy(({ n }) => n % stage.keys),
          mergeMap((group) => group.pipe(build(stage.inner, work))),
        )
    case 'share':
      return (source) => {
        const shared$ = source.pipe(share())
        return merge(shared$.pipe(build(stage.left, work)), shared$.pipe(build(stage.right, work)))
      }
    case 'held':
      return (source) =>
        source.pipe(entered, mergeMap(held((event) => handled([event], work, work.failing))))
    case 'merge': {
      const options = {
        ...stage.bounds,
        maxLag: stage.lag === 0 ? undefined : stage.bounds.capacity + stage.lag,
        orderBy: stage.keys === 0 ? undefined : ({ n }: Numbered) => n % stage.keys,
        onDrop: work.leave,
      }
      return (source) =>
        source.pipe(
          entered,
          boundedMergeMap((event) => handled([event], work, work.failing), options),
        )
    }
    case 'batch': {
      const options = {
        ...stage.bounds,
        size: stage.size,
        maxWaitMs: stage.maxWaitMs,
        onDrop: (events: readonly Numbered[]) => {
          for (const event of events) work.leave(event)
        },
      }
      return (source) =>
        source.pipe(
          entered,
          boundedBatchMap((events) => handled(events, work, work.failing), options),
        )
    }
    case 'ingest':
      return (source) => source.pipe(entered, ingestOf(stage, work))
  }
}

function ingestOf(stage: Extract<Stage, { do: 'ingest' }>, work: Work): Pipe {
  const ingestor = (event: Numbered) =>
    work.random() < 0.2 ? now(event, work) : handled([event], work, 0.3)
  return ingest<Numbered, string>(
    {
      'app.bsky.feed.post': ingestor,
      'app.bsky.feed.*': ingestor,
      'app.bsky.graph.follow': ingestor,
    },
    {
      ...stage.bounds,
      orderBy: stage.keys === 0 ? undefined : ({ n }) => n % stage.keys,
      onError: stage.onError,
      attempts: stage.attempts,
      backoff: { initialDelayMs: 5, random: work.random },
      timeoutMs: stage.timeoutMs,
      drainMs: stage.drainMs,
      onDrop: work.leave,
      onUnrouted: work.leave,
      onDeadLetter: stage.deadLetter
        ? (event) => (work.random() < 0.5 ? now(event, work) : handled([event], work, work.failing))
        : undefined,
    },
  )
}

function now(event: Numbered, work: Work): undefined {
  if (work.random() < work.failing) throw new Error('it fails at once')
  work.leave(event)
}

/** Work of a random kind that takes a random time and may fail; yields the events. */
function handled(
  events: readonly Numbered[],
  work: Work,
  failing: number,
): ObservableInput<Numbered> {
  const [kind, fails, ms] = [
    integer(work.random, 3),
    work.random() < failing,
    integer(work.random, 50),
  ]
  const end = () => {
    if (fails) return throwError(() => new Error('it fails'))
    for (const event of events) work.leave(event)
    return of(...events)
  }
  if (kind === 0) return defer(end)
  if (kind === 1) return concat(timer(ms).pipe(ignoreElements()), defer(end))
  const promise = new Promise<void>((resolve, reject) => {
    setTimeout(() => {
      if (fails) reject(new Error('it fails'))
      else {
        for (const event of events) work.leave(event)
        resolve()
      }
    }, ms)
  })
  return promise.then(() => first(events))
}

function first(events: readonly Numbered[]): Numbered {
  const event = events[0]
  if (event === undefined) throw new Error('an empty batch')
  return event
}
