import { mergeMap, of } from 'rxjs'
import { boundedBatchMap, boundedMergeMap, held, hold, jetstream$ } from 'rxjs-atproto'
import { exactly } from './expect-type.js'

const numbers$ = of(1, 2, 3)

// The result has the type of the work's values.
numbers$
  .pipe(boundedMergeMap(async (value) => String(value)))
  .subscribe((value) => exactly<typeof value, string>(true))
numbers$
  .pipe(boundedMergeMap((value) => of(value, 'a')))
  .subscribe((value) => exactly<typeof value, number | string>(true))
numbers$
  .pipe(boundedBatchMap((values) => of(values)))
  .subscribe((values) => exactly<typeof values, readonly number[]>(true))
numbers$
  .pipe(mergeMap(held(async (value) => value > 1)))
  .subscribe((value) => exactly<typeof value, boolean>(true))

// Work is something to wait for.
// @ts-expect-error a number is not
numbers$.pipe(boundedMergeMap((value) => value))
// @ts-expect-error nothing is not
numbers$.pipe(boundedMergeMap(() => {}))
// @ts-expect-error nor is it for `held`
numbers$.pipe(mergeMap(held((value) => value)))

// The values are those of the source.
numbers$.pipe(
  boundedMergeMap(async () => 0, {
    orderBy: (value) => exactly<typeof value, number>(true),
    onDrop: (value) => exactly<typeof value, number>(true),
  }),
)
numbers$.pipe(
  boundedBatchMap(async () => 0, {
    onDrop: (values) => exactly<typeof values, readonly number[]>(true),
  }),
)
// @ts-expect-error a batch belongs to several operators at once when it is changed
numbers$.pipe(boundedBatchMap(async (values) => values.push(4)))

// The options.
// @ts-expect-error no such policy
numbers$.pipe(boundedMergeMap(async () => 0, { overflow: 'drop' }))
// @ts-expect-error `concurrent` is spelled `concurrency`
numbers$.pipe(boundedMergeMap(async () => 0, { concurrent: 4 }))
// @ts-expect-error a batch has no key
numbers$.pipe(boundedBatchMap(async () => 0, { orderBy: (value: number) => value }))
// @ts-expect-error nor a lag
numbers$.pipe(boundedBatchMap(async () => 0, { maxLag: 5 }))
// @ts-expect-error sizes belong to batches
numbers$.pipe(boundedMergeMap(async () => 0, { size: 5 }))

// A release is called, or told how the work ended.
jetstream$().subscribe(() => {
  const release = hold()
  release()
  release.failed()
  release.dropped()
  // @ts-expect-error no such outcome
  release.done()
  // @ts-expect-error the outcome is in the name
  release('failed')
})
