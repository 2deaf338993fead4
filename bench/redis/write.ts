import { answer, taskOf } from '../tools/child.js'
import { repeated, someEvents } from './events.js'
import { type Way, write } from './writers.js'

export interface Writing {
  readonly way: Way
  readonly url: string
  /** Entries before the clock starts, on the same connection. */
  readonly warmup: number
  readonly entries: number
}

export interface Written {
  /** How many were not written in the end. */
  readonly missing: number
  readonly seconds: number
  /** User and system time of the process, all threads. */
  readonly cpuSeconds: number
}

// A writer that wrote nothing for so long will not.
const STUCK_AFTER_MS = 5000

const { way, url, warmup, entries } = taskOf<Writing>()
let wrote = 0
let startedAt = 0
let startedWith = 0
let cpuAtStart = process.cpuUsage()
let before = -1

void write(way, url, repeated(someEvents(), warmup + entries), count)
setInterval(() => {
  if (wrote === before) finish()
  before = wrote
}, STUCK_AFTER_MS)

function count(more: number): void {
  wrote += more
  if (startedAt === 0 && wrote >= warmup) {
    startedAt = performance.now()
    startedWith = wrote
    cpuAtStart = process.cpuUsage()
  } else if (wrote === warmup + entries) finish()
}

function finish(): void {
  const { user, system } = process.cpuUsage(cpuAtStart)
  const share = entries / (warmup + entries - startedWith)
  const seconds = ((performance.now() - startedAt) / 1000) * share
  answer({ missing: warmup + entries - wrote, seconds, cpuSeconds: ((user + system) / 1e6) * share } satisfies Written)
}
