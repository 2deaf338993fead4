import { answer, taskOf } from '../tools/child.js'
import { CONTENDERS, type Servers } from './contenders.js'

export interface Race {
  readonly contender: string
  readonly servers: Servers
  /** Events before the clock starts, on the same connection: the code is compiled then. */
  readonly warmup: number
  readonly events: number
}

export interface Result {
  /** How many of the events came in the end. */
  readonly received: number
  /** How many of these the program was not shown. */
  readonly withheld: number
  readonly seconds: number
  /** User and system time of the process, all threads. */
  readonly cpuSeconds: number
}

// A reader that received nothing for so long has lost the rest.
const STUCK_AFTER_MS = 5000

const { contender, servers, warmup, events } = taskOf<Race>()
let received = 0
let withheld = 0
let startedAt = 0
let cpuAtStart = process.cpuUsage()

CONTENDERS[contender]?.(servers, {
  delivered: count,
  withheld() {
    if (received >= warmup) withheld += 1
    count()
  },
})

let before = -1
setInterval(() => {
  if (received === before) finish()
  before = received
}, STUCK_AFTER_MS)

function count(): void {
  received += 1
  if (received === warmup) {
    startedAt = performance.now()
    cpuAtStart = process.cpuUsage()
  } else if (received === warmup + events) finish()
}

function finish(): void {
  const { user, system } = process.cpuUsage(cpuAtStart)
  const seconds = (performance.now() - startedAt) / 1000
  const result: Result = { received: Math.max(0, received - warmup), withheld, seconds, cpuSeconds: (user + system) / 1e6 }
  answer(result)
}
