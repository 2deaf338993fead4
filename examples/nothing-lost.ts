/**
 * Runs twice on one cursor file, as a program does that is stopped and started again. Each run is
 * cut in the midst of its work. At the end the stream is read once more up to the checkpoint, to
 * see that no event of it is missing in the table.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { count, filter, firstValueFrom, lastValueFrom, take, takeWhile } from 'rxjs'
import { type CommitEvent, ingest, isCommit, jetstream$, streamMetrics } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { jetstreamServer } from './server.js'

const server = await jetstreamServer()
const folder = await mkdtemp(join(tmpdir(), 'nothing-lost-'))
const stream = { host: server.url, collections: ['app.bsky.feed.*', 'app.bsky.graph.*'] }
const table = new Map<string, CommitEvent>()

const keyOf = ({ did, commit }: CommitEvent) =>
  `${did}/${commit.collection}/${commit.rkey}/${commit.rev}/${commit.operation}`
const positionOf = (event: CommitEvent) => event.cursor ?? event.time_us

/**
 * A database that takes its time and fails now and then. A row that is written twice does no harm:
 * at least once is what to expect.
 */
async function write(event: CommitEvent): Promise<void> {
  await pause(Math.random() * 5)
  if (Math.random() < 0.02) throw new Error('deadlock found')
  table.set(keyOf(event), event)
}

/**
 * Handles `events` events, then stops at once, as a deployment does that has no time. Answers the
 * checkpoint.
 */
async function run(events: number): Promise<number> {
  await using checkpoint = fileCursorStore(join(folder, 'cursor.json'))
  const metrics$ = streamMetrics()
  await lastValueFrom(
    jetstream$({ ...stream, checkpoint, metrics$ }).pipe(
      ingest(
        { 'app.bsky.feed.*': (event) => write(event), 'app.bsky.graph.*': (event) => write(event) },
        {
          concurrency: 16,
          orderBy: (event) => event.did,
          attempts: 5,
          backoff: { initialDelayMs: 10 },
        },
      ),
      take(events),
    ),
  )
  // What ran is let end; what waited is brought again by the next run.
  await firstValueFrom(metrics$.pipe(filter(({ open }) => open === 0)))
  const { delivered, done, failed, cursor } = metrics$.value
  await checkpoint.close()
  console.log({
    delivered,
    done,
    givenUp: failed,
    rows: table.size,
    cursor,
    checkpoint: metrics$.value.checkpoint,
  })
  return metrics$.value.checkpoint ?? Number.NaN
}

await run(300)
const checkpoint = await run(300)

const first = Math.min(...[...table.values()].map(positionOf))
const missing$ = jetstream$({ ...stream, cursor: first }).pipe(
  filter(isCommit),
  takeWhile((event) => positionOf(event) < checkpoint),
  filter((event) => !table.has(keyOf(event))),
  count(),
)
const missing = await lastValueFrom(missing$)
console.log({ missing })
process.exitCode = missing === 0 ? 0 : 1

await rm(folder, { recursive: true })
await server.close()
