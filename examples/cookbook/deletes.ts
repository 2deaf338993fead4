/** Counts the likes of each post, also down again: a delete does not say what was liked. */
import { filter } from 'rxjs'
import { isCommit, jetstream$, run, subjectOf, withDeleted } from 'rxjs-atproto'

const LIKE = 'app.bsky.feed.like'
const { JETSTREAM_HOST } = process.env

// The records that were read, by their at-uri: a table of your database.
const records = new Map<string, unknown>()
const likes = new Map<string, number>()

function count(record: unknown, change: 1 | -1): void {
  const post = subjectOf({ record }) ?? 'a post that was liked before the first start'
  likes.set(post, (likes.get(post) ?? 0) + change)
  console.log(change === 1 ? 'liked' : 'no longer liked', post, likes.get(post))
}

const counter = run(
  jetstream$({ host: JETSTREAM_HOST, collections: [LIKE], kinds: ['commit'] }).pipe(
    filter(isCommit),
    withDeleted({
      get: (uri) => records.get(uri),
      put: (uri, record) => records.set(uri, record),
      delete: (uri) => records.delete(uri),
    }),
  ),
  {
    [LIKE]: ({ commit, deleted }) => {
      if (commit.operation === 'create') count(commit.record, 1)
      if (commit.operation === 'delete') count(deleted, -1)
    },
  },
  { signals: true },
)

await counter.drained
if (counter.failed !== undefined) process.exitCode = 1
