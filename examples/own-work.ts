/**
 * Hands events to work that RxJS knows nothing of, and keeps each delivery open until that work
 * says that it is done.
 */
import { auditTime, filter, take } from 'rxjs'
import { hold, jetstream$, memoryCursorStore, streamMetrics } from 'rxjs-atproto'
import { jetstreamServer } from './server.js'

const server = await jetstreamServer()
const metrics$ = streamMetrics()

/** Something with callbacks: a worker thread, a driver, a queue. */
const worker = { post: (_event: object, done: () => void) => setTimeout(done, Math.random() * 20) }

jetstream$({ host: server.url, checkpoint: memoryCursorStore(), metrics$ })
  .pipe(take(500))
  .subscribe((event) => {
    const release = hold()
    worker.post(event, () => release())
  })

// All 500 came at once; the work ends later, and only then are the deliveries done.
metrics$
  .pipe(
    filter(({ connection }) => connection.state === 'closed'),
    auditTime(5),
  )
  .subscribe(({ delivered, open, done }) => {
    console.log({ delivered, open, done })
    if (delivered > 0 && open === 0) void server.close()
  })
