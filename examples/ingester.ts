/**
 * A firehose goes through Redis to three worker processes, which count its operations by
 * collection; at the end the counts are compared with what was sent. Reads a relay on this machine
 * that plays generated commits. Needs a `redis-server`, which it starts on a port of its own.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { Subject, takeUntil } from 'rxjs'
import { firehose$ } from 'rxjs-atproto'
import { redisCursorStore, redisSinkMetrics, toRedisStream } from 'rxjs-atproto/redis'
import { fakeFirehose, generateCommits, opsOf } from 'rxjs-atproto/testing'
import { redisServer } from './redis.js'

const server = await redisServer()
if (server === undefined) {
  console.log('no redis-server is installed: nothing to show')
  process.exit(process.env.CI ? 1 : 0)
}

const commits = [...generateCommits({ count: 1500 })]
const relay = await fakeFirehose({ events: commits, stored: 'all', style: 'relay' })

// --- The workers: each tells the collection of every operation that it has handled ---

const counts = new Map<string, number>()
const handled$ = new Subject<void>()
const sent = countsOf(commits.flatMap(opsOf).map(({ path }) => path.split('/')[0] ?? ''))
const total = [...sent.values()].reduce((sum, count) => sum + count, 0)
let handled = 0

const workers = [1, 2, 3].map((n) => started(`worker-${n}`))

function started(name: string): ChildProcess {
  const worker = fork(join(import.meta.dirname, 'ingester-worker.js'), [server?.url ?? '', name])
  worker.on('message', (collection: string) => {
    counts.set(collection, (counts.get(collection) ?? 0) + 1)
    handled += 1
    if (handled === total) handled$.next()
  })
  worker.once('exit', (code) => {
    if (code !== 0) process.exit(1)
  })
  return worker
}

// --- The ingester: it stops when all is handled, as it would at a signal ---

const redis = createClient({ url: server.url, disableOfflineQueue: true, pingInterval: 5000 })
redis.on('error', (error) => console.error(error.message))
await redis.connect()

const metrics$ = redisSinkMetrics()
firehose$({ host: relay.url, cursor: 'oldest', checkpoint: redisCursorStore(redis) })
  .pipe(
    takeUntil(handled$),
    toRedisStream({ client: redis, stream: 'firehose', partitions: 6, maxWaitMs: 100, metrics$ }),
  )
  .subscribe({ complete: () => void end() })

async function end(): Promise<void> {
  for (const worker of workers) worker.disconnect()
  await Promise.all(workers.map((worker) => once(worker, 'exit')))
  const { written, duplicates } = metrics$.value
  console.table(
    [...sent].map(([collection, count]) => ({
      collection,
      sent: count,
      counted: counts.get(collection),
    })),
  )
  console.log({ commits: commits.length, operations: total, written, duplicates })
  redis.destroy()
  await relay.close()
  server?.close()
  if ([...sent].some(([collection, count]) => counts.get(collection) !== count))
    process.exitCode = 1
}

function countsOf(names: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const name of names.toSorted()) found.set(name, (found.get(name) ?? 0) + 1)
  return found
}
