/**
 * Stops on SIGTERM, SIGINT, or after a second: takes in nothing more, ends the work at hand, saves
 * the checkpoint, and exits.
 */
import { fromEvent, merge, takeUntil, timer } from 'rxjs'
import {
  type CommitEvent,
  ingest,
  jetstream$,
  memoryCursorStore,
  streamMetrics,
} from 'rxjs-atproto'
import { jetstreamServer } from './server.js'

const server = await jetstreamServer({ events: 100_000, ratePerSecond: 2000 })
const metrics$ = streamMetrics()
const checkpoint = memoryCursorStore()
const stop$ = merge(fromEvent(process, 'SIGTERM'), fromEvent(process, 'SIGINT'), timer(1000))

const write = (_event: CommitEvent) => timer(20)

// `takeUntil` stands above `ingest`: the source completes, and `ingest` ends what it has.
jetstream$({ host: server.url, checkpoint, metrics$ })
  .pipe(
    takeUntil(stop$),
    ingest({ 'app.bsky.feed.*': (event) => write(event) }, { concurrency: 64, drainMs: 5000 }),
  )
  .subscribe({
    complete: () => {
      const { delivered, done, open, failed, cursor } = metrics$.value
      console.log(
        { delivered, done, open, failed, cursor },
        Object.fromEntries(checkpoint.positions),
      )
      void server.close().then(() => process.exit())
    },
  })
