import { map, pipe } from 'rxjs'
import { boundedBatchMap } from '../../src/operators/bounded-batch-map.js'
import { boundedMergeMap } from '../../src/operators/bounded-merge-map.js'
import { ingest } from '../../src/operators/ingest.js'
import {
  after,
  type CommonOptions,
  describeQueueingOperator,
  type MakeOperator,
} from './queueing-contract.js'

describeQueueingOperator('boundedMergeMap', (work, options) =>
  boundedMergeMap((value) => after(work(value), value), options),
)

describeQueueingOperator('boundedMergeMap with orderBy', (work, options) =>
  boundedMergeMap((value) => after(work(value), value), { ...options, orderBy: (value) => value }),
)

const one = (values: readonly number[]): number => values[0] ?? Number.NaN

describeQueueingOperator(
  'boundedBatchMap',
  (work, { onDrop, onSlow, ...options }: CommonOptions = {}) =>
    boundedBatchMap((values) => after(work(one(values)), one(values)), {
      ...options,
      size: 1,
      onDrop: onDrop && ((values) => onDrop(one(values))),
      onSlow: onSlow && ((values, ms) => onSlow(one(values), ms)),
    }),
)

interface Event {
  readonly kind: 'commit'
  readonly commit: { readonly collection: string }
  readonly value: number
}

const toEvent = (value: number): Event => ({
  kind: 'commit',
  commit: { collection: 'app.bsky.feed.post' },
  value,
})

const makeIngest =
  (extra: { readonly drainMs?: number; readonly timeoutMs?: number }): MakeOperator =>
  (work, { onDrop, onSlow, ...options } = {}) =>
    pipe(
      map(toEvent),
      ingest<Event, 'app.bsky.feed.*'>(
        { 'app.bsky.feed.*': ({ value }) => work(value) },
        {
          ...options,
          ...extra,
          onError: 'fail',
          onDrop: onDrop && (({ value }) => onDrop(value)),
          onSlow: onSlow && (({ value }, ms) => onSlow(value, ms)),
        },
      ),
      map(({ value }) => value),
    )

describeQueueingOperator('ingest', makeIngest({}))

describeQueueingOperator('ingest with drainMs', makeIngest({ drainMs: 60_000 }))

describeQueueingOperator('ingest with timeoutMs', makeIngest({ timeoutMs: 60_000 }))
