/** Prints new posts. */
import { filter, take } from 'rxjs'
import { isCreate, jetstream$ } from 'rxjs-atproto'
import { jetstreamServer } from './server.js'

const server = await jetstreamServer()

jetstream$({ host: server.url, collections: ['app.bsky.feed.post'] })
  .pipe(filter(isCreate('app.bsky.feed.post')), take(5))
  .subscribe({
    next: (event) => console.log(event.did, event.commit.record),
    complete: () => server.close(),
  })
