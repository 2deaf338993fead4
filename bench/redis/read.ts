import { createClient } from '@redis/client'
import type { FirehoseEvent } from 'rxjs-atproto'
import { redisStream$ } from 'rxjs-atproto/redis'
import { answer, taskOf } from '../tools/child.js'
import { stopwatch } from '../tools/stopwatch.js'

/** Reads until it is told to stop; answers `'reading'` when the first entry is here. */
export interface Reading {
  readonly url: string
  readonly stream: string
  readonly partitions: number
  readonly group: string
  readonly consumer: string
  readonly leaseMs: number
}

export interface Read {
  /** The positions of what it read since it was told to count. */
  readonly positions: readonly number[]
  readonly cpuSeconds: number
}

const { url, ...config } = taskOf<Reading>()
const client = await createClient({ url }).connect()
let positions: number[] = []
let elapsed = stopwatch()
let isReading = false

redisStream$<FirehoseEvent>({ client, ...config }).subscribe(({ cursor = 0 }) => {
  positions.push(cursor)
  if (!isReading) answer('reading')
  isReading = true
})

process.on('message', (word) => {
  if (word === 'count') {
    positions = []
    elapsed = stopwatch()
    answer('counting')
    return
  }
  answer({ positions, cpuSeconds: elapsed().cpuSeconds } satisfies Read)
})
