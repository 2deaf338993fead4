import { standstill } from './standstill.js'
import { type Elapsed, stopwatch } from './stopwatch.js'

/** How much a contender has to do. */
export interface Course {
  /** Before the clock starts, on the same connection: the code is compiled then. */
  readonly warmup: number
  /** While it runs. */
  readonly timed: number
}

export interface Finish extends Elapsed {
  /** How many of all were not counted in the end. */
  readonly missing: number
}

/** The clock of one contender, in its own process. */
export interface RaceClock {
  readonly isWarmingUp: boolean
  add(more: number): void
  /** Ends the race before its time. */
  stop(): void
}

// A contender that did nothing for so long has lost the rest.
const STUCK_AFTER_MS = 10_000
const CHECK_MS = 1000

/**
 * Starts behind the warm-up; `finished` is told once, when all is counted or nothing comes any
 * more.
 */
export function raceClock(
  { warmup, timed }: Course,
  finished: (finish: Finish) => void,
): RaceClock {
  const end = warmup + timed
  let state: 'warming up' | 'running' | 'over' = 'warming up'
  let count = 0
  let startedWith = warmup
  let elapsed = stopwatch()
  const isStuck = standstill(STUCK_AFTER_MS)
  const checking = setInterval(() => isStuck(count) && stop(), CHECK_MS)

  function add(more: number): void {
    count += more
    if (state === 'warming up' && count >= warmup) start()
    if (state === 'running' && count >= end) stop()
  }

  function start(): void {
    state = 'running'
    startedWith = count
    elapsed = stopwatch()
  }

  function stop(): void {
    if (state === 'over') return
    state = 'over'
    clearInterval(checking)
    const { seconds, cpuSeconds } = elapsed()
    // What is counted in batches starts the clock somewhat behind the warm-up.
    const share = timed / (end - startedWith)
    finished({ missing: end - count, seconds: seconds * share, cpuSeconds: cpuSeconds * share })
  }

  // A warm-up of nothing is over at once.
  add(0)
  return {
    get isWarmingUp() {
      return state === 'warming up'
    },
    add,
    stop,
  }
}
