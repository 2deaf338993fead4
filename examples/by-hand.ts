/**
 * Routes by collection with RxJS's own operators, each with a bounded queue that drops what is too
 * much, and shows the stream's numbers.
 */
import { distinctUntilChanged, filter, groupBy, map, mergeMap, takeUntil, timer } from 'rxjs'
import {
  boundedMergeMap,
  type CommitEvent,
  type Gap,
  isCommit,
  jetstream$,
  streamMetrics,
} from 'rxjs-atproto'
import { jetstreamServer } from './server.js'

const server = await jetstreamServer({ events: 20_000, ratePerSecond: 10_000 })
const metrics$ = streamMetrics()
const counts = new Map<string, number>()

/** Each collection has its own handler; the one for likes is too slow for what comes. */
const handlerOf = (collection: string) => (event: CommitEvent) => {
  counts.set(collection, (counts.get(collection) ?? 0) + 1)
  return timer(collection.endsWith('.like') ? 2 : 0).pipe(map(() => event))
}

metrics$
  .pipe(
    map(({ connection }) => connection.state),
    distinctUntilChanged(),
  )
  .subscribe((state) => console.log('connection:', state))

jetstream$({
  host: server.url,
  reconnect: { maxDelayMs: 30_000 },
  metrics$,
  gaps: {
    next: ({ reason, from, to, count }: Gap) => console.log('gap:', { reason, from, to, count }),
  },
})
  .pipe(
    takeUntil(timer(2000)),
    filter(isCommit),
    groupBy((event) => event.commit.collection),
    mergeMap((group) =>
      group.pipe(
        boundedMergeMap(handlerOf(group.key), { capacity: 1024, overflow: 'drop-oldest' }),
      ),
    ),
  )
  .subscribe({
    complete: () => {
      const { delivered, done, dropped, failed, lagMs } = metrics$.value
      console.log({ delivered, done, dropped, failed, lagMs }, Object.fromEntries(counts))
      void server.close()
    },
  })
