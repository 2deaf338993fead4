import { firehose$ } from '../../src/index.js'
import { redisCursorStore, toRedisStream } from '../../src/redis.js'
import { PARTITIONS, STREAM } from '../traps/redis-kill.js'
import { connected, type Told } from './connect.js'

/** Run by fleet.ts: a firehose into Redis, until it is killed. */
export interface WriterTold extends Told {
  readonly host: string
}

export async function run(told: WriterTold): Promise<void> {
  const client = await connected(told)
  firehose$({
    host: told.host,
    cursor: 'oldest',
    checkpoint: { store: redisCursorStore(client), everyMs: 40 },
  })
    .pipe(
      toRedisStream({
        client,
        stream: STREAM,
        partitions: PARTITIONS,
        size: 20,
        maxWaitMs: 5,
        timeoutMs: 1000,
      }),
    )
    .subscribe()
}
