import { answer, taskOf } from '../tools/child.js'
import { CONTENDERS } from './contenders.js'
import { Digest } from './operations.js'
import type { Offered } from './serve.js'

export interface FirehoseRace {
  readonly contender: string
  readonly offered: Offered
  readonly chosen: string
}

export interface FirehoseResult {
  /** How many operations, or frames, were missing in the end. */
  readonly missing: number
  readonly withheld: number
  /** Whether the operations of the warm-up are those that the server sent, in their order. */
  readonly same: boolean
  readonly seconds: number
  /** User and system time of the process, all threads. */
  readonly cpuSeconds: number
  /** Why it could not run, or what it said first of what it withheld. */
  readonly failure?: string
}

// A reader that received nothing for so long has lost the rest.
const STUCK_AFTER_MS = 5000

const { contender: name, offered, chosen } = taskOf<FirehoseRace>()
const contender = CONTENDERS[name]
if (contender === undefined) throw new Error(`there is no contender ${name}`)
const { warmup, rest, digest } = offered.expected[contender.counts]
const seen = new Digest()
let received = 0
let withheld = 0
let failure: string | undefined
let startedAt = performance.now()
let cpuAtStart = process.cpuUsage()

Promise.resolve(
  contender.read(
    offered.url,
    {
      frame: count,
      operation(op, describe) {
        if (received < warmup) seen.add(describe(op))
        count()
      },
      withheld(reason) {
        withheld += 1
        failure ??= String(reason)
      },
    },
    chosen,
  ),
).catch(fail)

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
  } else if (received === warmup + rest) finish()
}

function fail(error: unknown): void {
  failure = String(error)
  finish()
}

function finish(): void {
  const { user, system } = process.cpuUsage(cpuAtStart)
  const seconds = (performance.now() - startedAt) / 1000
  const same = contender?.counts === 'frames' || seen.text === digest
  const result = { missing: warmup + rest - received, withheld, same, seconds, cpuSeconds: (user + system) / 1e6 }
  answer({ ...result, ...(failure === undefined ? {} : { failure }) } satisfies FirehoseResult)
}
