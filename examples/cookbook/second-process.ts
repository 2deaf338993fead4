/**
 * One process writes the stream to Redis, any number of others work on it:
 * `second-process.ts write` once, and `second-process.ts work NAME` as often as you like.
 */
import { createClient } from '@redis/client'
import { fromEvent, ignoreElements, lastValueFrom, takeUntil } from 'rxjs'
import { isCommit, jetstream$, run } from 'rxjs-atproto'
import { redisCursorStore, redisStream$, toRedisStream } from 'rxjs-atproto/redis'

const { JETSTREAM_HOST, REDIS_URL = 'redis://127.0.0.1:6379' } = process.env
const [role, name = `worker-${process.pid}`] = process.argv.slice(2)

// Without a queue of its own: a command that is sent while Redis is away fails, and is retried.
const client = createClient({ url: REDIS_URL, disableOfflineQueue: true, pingInterval: 5000 })
client.on('error', (error) => console.error(error.message))
await client.connect()
// Partitions keep the order of each account, over all workers.
const shared = { client, stream: 'posts', partitions: 8 }

async function write(): Promise<void> {
  const source$ = jetstream$({
    host: JETSTREAM_HOST,
    collections: ['app.bsky.feed.post'],
    checkpoint: redisCursorStore(client),
  })
  const written$ = source$.pipe(
    takeUntil(fromEvent(process, 'SIGTERM')),
    toRedisStream(shared),
    ignoreElements(),
  )
  await lastValueFrom(written$, { defaultValue: undefined })
}

async function work(): Promise<void> {
  const worker = run(
    redisStream$({ ...shared, group: 'indexer', consumer: name }),
    {
      '*': async (event) => {
        if (isCommit(event)) console.log(name, event.did, event.commit.rkey) // your database
      },
    },
    { concurrency: 16, orderBy: ({ did }) => did, signals: true },
  )
  await worker.drained
  if (worker.failed !== undefined) process.exitCode = 1
}

await (role === 'write' ? write() : work())
client.destroy()
