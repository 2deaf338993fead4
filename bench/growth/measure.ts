import { takeWhile } from 'rxjs'
import { answer, taskOf } from '../tools/child.js'
import { type Elapsed, stopwatch } from '../tools/stopwatch.js'
import { LOADS, type Servers } from './loads.js'

/** One load, and where its cost is read. */
export interface Measurement {
  readonly load: string
  readonly size: number
  readonly servers: Servers
  /** Counts of events, growing: the cost is that of the events between two of them. */
  readonly marks: readonly number[]
}

/** Microseconds of CPU an event between each mark and the next. */
export type Costs = readonly number[]

const { load, size, servers, marks } = taskOf<Measurement>()
const costs: number[] = []
let next = 0
let last = 0
let elapsed: () => Elapsed = stopwatch()

/** Whether there are more marks. */
function reached(count: number): boolean {
  if (count < (marks[next] ?? 0)) return true
  if (next > 0) costs.push((elapsed().cpuSeconds / (count - last)) * 1e6)
  last = count
  next += 1
  elapsed = stopwatch()
  return next < marks.length
}

LOADS[load]?.(size, servers)
  .pipe(takeWhile(reached))
  .subscribe({ complete: () => answer(costs satisfies Costs) })
