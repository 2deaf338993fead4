import { createClient } from '@redis/client'
import { firstValueFrom, timer } from 'rxjs'
import { type FirehoseEvent, ingest } from '../../src/index.js'
import { redisStream$ } from '../../src/redis.js'
import { GROUP, nameOf, PARTITIONS, STREAM, WORKED } from '../traps/redis-kill.js'
import { connected, type Told } from './connect.js'

/** Run by fleet.ts: one of the processes that work on the events, until it is killed. */
export interface WorkerTold extends Told {
  readonly consumer: string
  /** A Redis that no fault meets: what is done is told there, before its delivery ends. */
  readonly book: string
}

const JOB_MS = 5
const LEASE_MS = 2000

export async function run(told: WorkerTold): Promise<void> {
  const client = await connected(told)
  const book = await createClient({ url: told.book }).connect()
  const work = async (event: FirehoseEvent): Promise<void> => {
    const { did, what } = nameOf(event)
    await firstValueFrom(timer(JOB_MS))
    await book.rPush(WORKED, JSON.stringify([did, what]))
  }
  redisStream$({
    client,
    stream: STREAM,
    group: GROUP,
    consumer: told.consumer,
    partitions: PARTITIONS,
    leaseMs: LEASE_MS,
    claimIdleMs: LEASE_MS,
    // A process that dies is none that fails.
    maxDeliveries: 1000,
    reconnect: { initialDelayMs: 50, maxDelayMs: 500 },
  })
    .pipe(ingest({ '*': work }, { concurrency: 4, orderBy: ({ did }: FirehoseEvent) => did }))
    .subscribe()
}
