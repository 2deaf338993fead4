import { answer, taskOf } from '../tools/child.js'
import { type Ledger, READERS } from './readers.js'

export interface Reading {
  readonly reader: string
  readonly url: string
  readonly events: number
  /** How many of them must be handled or dropped in the end. */
  readonly settle: number
  /** For so long the handler is slow. Then it is fast, so that what waits comes to its end. */
  readonly seconds: number
  readonly handlerMs: number
}

export interface Account extends Ledger {
  /** How far the process grew, from before the subscription, while the handler was slow. */
  readonly grownBytes: number
  /** The same, to the very end. */
  readonly grownInAllBytes: number
}

const SAMPLE_MS = 100
// Nothing handled and nothing dropped for so long: the rest is lost.
const STUCK_AFTER_MS = 10_000

const { reader, url, events, settle, seconds, handlerMs } = taskOf<Reading>()
let slow = true
let grownBytes = 0
let grownInAllBytes = 0
let [settled, settledAt] = [0, 0]

const before = process.memoryUsage.rss()
const running = READERS[reader]?.(url, events, async () => {
  if (slow) await new Promise((done) => setTimeout(done, handlerMs))
})
const sampling = setInterval(sample, SAMPLE_MS)
setTimeout(() => {
  sample()
  slow = false
  // At once: what needs no more is over before the queue empties.
  sample()
}, seconds * 1000)

function sample(): void {
  grownInAllBytes = Math.max(grownInAllBytes, process.memoryUsage.rss() - before)
  if (slow) grownBytes = grownInAllBytes
  else if (isOver(running?.settled ?? 0)) finish()
}

function isOver(now: number): boolean {
  if (now !== settled) settledAt = performance.now()
  settled = now
  return settled >= settle || performance.now() - settledAt > STUCK_AFTER_MS
}

function finish(): void {
  clearInterval(sampling)
  answer({ ...running?.close(), grownBytes, grownInAllBytes })
}
