import { answer, taskOf } from '../tools/child.js'
import { stopwatch } from '../tools/stopwatch.js'
import { type Reading, read } from './readers.js'

/**
 * What it read since it was told to count. It reads until it is told to stop, and answers
 * `'reading'` when the first entry is here.
 */
export interface Read {
  readonly positions: readonly number[]
  readonly cpuSeconds: number
}

let positions: number[] = []
let elapsed = stopwatch()
let isReading = false

void read(taskOf<Reading>(), ({ cursor = 0 }) => {
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
