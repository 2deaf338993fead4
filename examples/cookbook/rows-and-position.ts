/**
 * Counts the posts of each account, in SQLite. A count is wrong if a post is handled twice: so the
 * position is stored in the transaction of the counts. Both are written, or neither. Needs Node
 * 22.13.
 */
import { filter, fromEvent, takeUntil } from 'rxjs'
import { boundedBatchMap, isCreate, jetstream$ } from 'rxjs-atproto'
import { sqliteCursors } from 'rxjs-atproto/cursors/sqlite'

const { JETSTREAM_HOST } = process.env

const cursors = sqliteCursors('./posts.db')
const { database } = cursors
database.exec('CREATE TABLE IF NOT EXISTS posts (did TEXT PRIMARY KEY, count INTEGER)')
const add = database.prepare(
  'INSERT INTO posts VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1',
)

jetstream$({
  host: JETSTREAM_HOST,
  collections: ['app.bsky.feed.post'],
  checkpoint: { store: cursors, name: 'posts', external: true },
})
  .pipe(
    takeUntil(fromEvent(process, 'SIGTERM')),
    filter(isCreate('app.bsky.feed.post')),
    boundedBatchMap(
      (events, { position }) => {
        database.exec('BEGIN IMMEDIATE')
        try {
          for (const { did } of events) add.run(did)
          if (position !== undefined) cursors.write(database, position)
          database.exec('COMMIT')
        } catch (error) {
          database.exec('ROLLBACK')
          throw error
        }
        return [events.length]
      },
      { size: 500, maxWaitMs: 200 },
    ),
  )
  .subscribe({
    next: (posts) => console.log(posts, 'posts and their position are stored'),
    complete: () => cursors.close(),
  })
