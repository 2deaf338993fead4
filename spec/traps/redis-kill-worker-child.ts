import { createClient } from '@redis/client'
import { firstValueFrom, timer } from 'rxjs'
import { type FirehoseEvent, ingest } from '../../src/index.js'
import { redisStream$ } from '../../src/redis.js'
import { GROUP, nameOf, PARTITIONS, STREAM, WORKED } from './redis-kill.js'

/** Run by redis-kill.spec.ts: one of the processes that work on the events, until it is killed. */
const [, , url = '', consumer = ''] = process.argv
const JOB_MS = 10
// Longer than a busy machine keeps a process waiting: who loses a lease to another in the midst of
// its work does it twice, and this is not about that.
const LEASE_MS = 2000

async function run(): Promise<void> {
  const client = await createClient({ url })
    .on('error', () => {})
    .connect()
  const work = async (event: FirehoseEvent): Promise<void> => {
    const { did, what } = nameOf(event)
    await firstValueFrom(timer(JOB_MS))
    await client.rPush(WORKED, JSON.stringify([did, what]))
  }
  // A process that dies is none that fails: what it had comes again without an end.
  const config = {
    partitions: PARTITIONS,
    leaseMs: LEASE_MS,
    claimIdleMs: LEASE_MS,
    maxDeliveries: 1_000,
  }
  redisStream$({ client, stream: STREAM, group: GROUP, consumer, ...config })
    .pipe(ingest({ '*': work }, { concurrency: 4, orderBy: ({ did }: FirehoseEvent) => did }))
    .subscribe()
}

process.once('disconnect', () => process.exit())
void run()
