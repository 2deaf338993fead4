import { createClient } from '@redis/client'
import { tap } from 'rxjs'
import { firehose$ } from '../../src/index.js'
import { redisCursorStore, toRedisStream } from '../../src/redis.js'
import { PARTITIONS, STREAM } from './redis-kill.js'

/**
 * Run by redis-kill.spec.ts: the firehose into Redis, until it is killed. Tells the positions that
 * it receives.
 */
const [, , host = '', url = '', ids = ''] = process.argv

async function run(): Promise<void> {
  const client = await createClient({ url })
    .on('error', () => {})
    .connect()
  firehose$({
    host,
    cursor: 'oldest',
    checkpoint: { store: redisCursorStore(client), everyMs: 40 },
  })
    .pipe(
      tap(({ cursor }) => process.send?.(cursor)),
      toRedisStream({
        client,
        stream: STREAM,
        partitions: PARTITIONS,
        ids: ids === 'redis' ? 'redis' : 'position',
        size: 20,
        maxWaitMs: 5,
      }),
    )
    .subscribe()
}

process.once('disconnect', () => process.exit())
void run()
