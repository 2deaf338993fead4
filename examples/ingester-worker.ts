/**
 * One of the processes that `ingester.ts` starts. It acks an event when the work on it is done;
 * what it had when it died, another one takes over.
 */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { filter, takeUntil } from 'rxjs'
import { boundedMergeMap, type CommitEvent, isCommit } from 'rxjs-atproto'
import { redisStream$ } from 'rxjs-atproto/redis'

const [url = '', consumer = ''] = process.argv.slice(2)
// Before anything is awaited: others may have done all the work by the time that this one is ready.
const disconnected = process.connected ? once(process, 'disconnect') : Promise.resolve()
const redis = createClient({ url, disableOfflineQueue: true, pingInterval: 5000 })
redis.on('error', (error) => console.error(error.message))
await redis.connect()

async function work({ commit }: CommitEvent): Promise<void> {
  await pause(1)
  process.send?.(commit.collection)
}

redisStream$({ client: redis, stream: 'firehose', partitions: 6, group: 'counters', consumer })
  .pipe(
    takeUntil(disconnected),
    filter(isCommit),
    boundedMergeMap(work, { concurrency: 64, orderBy: ({ did }) => did }),
  )
  .subscribe({ complete: () => redis.destroy() })
