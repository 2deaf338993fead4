/**
 * Reads the posts of some accounts, and of one account more each time that a line names one on
 * stdin: nothing is restarted, and nothing is lost between two filters.
 */
import { createInterface } from 'node:readline'
import { fromEvent, map, scan, shareReplay, startWith } from 'rxjs'
import { isCommit, jetstream$, run } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'

const { JETSTREAM_HOST } = process.env

const lines = createInterface({ input: process.stdin })
const filters$ = fromEvent(lines, 'line').pipe(
  map((line) => String(line).trim()),
  scan((dids, did) => [...dids, did], process.argv.slice(2)),
  startWith(process.argv.slice(2)),
  // Each value replaces the whole filter. Nobody is followed yet: an empty list is nobody.
  map((dids) => ({ collections: ['app.bsky.feed.post'], dids })),
  shareReplay(1),
)
filters$.subscribe(({ dids }) => console.log(`following ${dids.length}`))

const reader = run(
  jetstream$({
    host: JETSTREAM_HOST,
    filters$,
    // The name keeps the position, whatever the filter was when the program ended.
    checkpoint: { store: fileCursorStore('./cursor.json'), name: 'followed' },
  }),
  {
    '*': (event) => {
      if (isCommit(event)) console.log(event.did, event.commit.operation, event.commit.rkey)
    },
  },
  { signals: true },
)

await reader.drained
lines.close()
if (reader.failed !== undefined) process.exitCode = 1
