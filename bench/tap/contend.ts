import { setTimeout as pause } from 'node:timers/promises'
import { answer, taskOf } from '../tools/child.js'
import { type Elapsed, stopwatch } from '../tools/stopwatch.js'
import { CONTENDERS } from './contenders.js'

export interface TapRace {
  readonly contender: string
  readonly url: string
  readonly handlerMs: number
  readonly atOnce: number
  /** Before the clock starts, on the same connection. */
  readonly warmupSeconds: number
  readonly seconds: number
}

export interface TapResult extends Elapsed {
  /** Handlers that ended while the clock ran. */
  readonly handled: number
  /** The most that the process held at any sample. */
  readonly rssBytes: number
  /** Why it could not run. */
  readonly failure?: string
}

const SAMPLE_MS = 50

const { contender, url, handlerMs, atOnce, warmupSeconds, seconds } = taskOf<TapRace>()
let handled = 0
let rssBytes = 0

setInterval(() => {
  rssBytes = Math.max(rssBytes, process.memoryUsage.rss())
}, SAMPLE_MS)
void Promise.resolve(CONTENDERS[contender]?.(url, handle, atOnce)).catch((error: unknown) => {
  answer({
    handled: 0,
    seconds: 0,
    cpuSeconds: 0,
    rssBytes: 0,
    failure: String(error),
  } satisfies TapResult)
})
void measure()

async function handle(): Promise<void> {
  if (handlerMs > 0) await pause(handlerMs)
  handled += 1
}

async function measure(): Promise<void> {
  await pause(warmupSeconds * 1000)
  const before = handled
  const elapsed = stopwatch()
  await pause(seconds * 1000)
  answer({ handled: handled - before, ...elapsed(), rssBytes } satisfies TapResult)
}
