import { answer, taskOf } from '../tools/child.js'
import { standstill } from '../tools/standstill.js'
import { type Ledger, READERS } from './readers.js'

/**
 * The handler is slow until the parent says that all is offered, and `receive` events are here;
 * then fast, until `settle` are at their end.
 */
export interface MemoryReading {
  readonly reader: string
  readonly url: string
  readonly events: number
  readonly handlerMs: number
  readonly receive: number
  readonly settle: number
}

export interface Account extends Ledger {
  /** How far the process grew, from before the subscription, while the handler was slow. */
  readonly grownBytes: number
  /** The same, to the very end. */
  readonly grownInAllBytes: number
}

const SAMPLE_MS = 100
// Nothing received, handled or dropped for so long, after all was offered: the rest is lost.
const STUCK_AFTER_MS = 10_000

const { reader, url, events, handlerMs, receive, settle } = taskOf<MemoryReading>()
let phase: 'offering' | 'slow' | 'fast' = 'offering'
let grownBytes = 0
let grownInAllBytes = 0
const isStuck = standstill(STUCK_AFTER_MS)

const start = READERS[reader]
if (start === undefined) throw new Error(`there is no reader ${reader}`)

const before = process.memoryUsage.rss()
const running = start(url, events, async () => {
  if (phase !== 'fast') await new Promise((done) => setTimeout(done, handlerMs))
})
const sampling = setInterval(sample, SAMPLE_MS)
process.once('message', () => {
  phase = 'slow'
})

function sample(): void {
  grownInAllBytes = Math.max(grownInAllBytes, process.memoryUsage.rss() - before)
  if (phase !== 'fast') grownBytes = grownInAllBytes
  const stuck = phase !== 'offering' && isStuck(running.received + running.settled)
  if (phase === 'slow' && (running.received >= receive || stuck)) phase = 'fast'
  // In the same call: a reader that needs no more is over before its queue empties.
  if (phase === 'fast' && (running.settled >= settle || stuck)) finish()
}

function finish(): void {
  clearInterval(sampling)
  answer({ ...running.close(), grownBytes, grownInAllBytes })
}
