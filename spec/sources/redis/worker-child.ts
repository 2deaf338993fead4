import { createClient } from '@redis/client'
import { timer } from 'rxjs'
import { boundedMergeMap, streamMetrics } from '../../../src/index.js'
import { redisStream$ } from '../../../src/redis.js'

/**
 * A worker process: handles entries of `s`, writes each to the list `handled`, and ends in good
 * order when its input does.
 */
async function main(
  url: string,
  consumer: string,
  partitions: string,
  workMs: string,
  patienceMs: string,
): Promise<void> {
  const client = await createClient({ url, socket: { reconnectStrategy: 50 } })
    .on('error', () => {})
    .connect()
  const metrics$ = streamMetrics()
  const work = async (event: { did: string; n: number }) => {
    await new Promise<void>((resolve) => timer(Number(workMs)).subscribe({ complete: resolve }))
    await client.sendCommand(['RPUSH', 'handled', `${consumer} ${event.did} ${event.n}`])
  }
  const subscription = redisStream$<{ did: string; n: number }>({
    client,
    stream: 's',
    group: 'g',
    consumer,
    metrics$,
    blockMs: 50,
    batchSize: 20,
    maxPending: 40,
    claimIdleMs: Number(patienceMs),
    leaseMs: Number(patienceMs),
    lingerMs: 2000,
    ...(partitions === '0' ? {} : { partitions: Number(partitions) }),
  })
    .pipe(boundedMergeMap(work, { orderBy: ({ did }) => did, concurrency: 8, capacity: 20 }))
    .subscribe()
  process.stdin.resume().on('end', () => {
    subscription.unsubscribe()
    // Leases are let go of when what is in the pipe is done.
    metrics$.subscribe(({ connection, open }) => {
      if (connection.state === 'closed' && open === 0) timer(100).subscribe(() => process.exit(0))
    })
  })
}

const [, , url = '', consumer = '', partitions = '0', workMs = '1', patienceMs = ''] = process.argv
void main(url, consumer, partitions, workMs, patienceMs)
