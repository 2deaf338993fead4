import { answer, taskOf } from '../tools/child.js'
import { raceClock } from '../tools/race-clock.js'
import type { Elapsed } from '../tools/stopwatch.js'
import type { Servers } from './contender.js'
import { CONTENDERS } from './contenders.js'

export interface Race {
  readonly contender: string
  readonly servers: Servers
  /** Events before the clock starts. */
  readonly warmup: number
  readonly events: number
}

export interface Result extends Elapsed {
  /** How many of the events came in the end. */
  readonly received: number
  /** How many of these the program was not shown. */
  readonly withheld: number
}

const { contender, servers, warmup, events } = taskOf<Race>()
let withheld = 0

const clock = raceClock({ warmup, timed: events }, ({ missing, ...elapsed }) => {
  answer({ received: Math.max(0, events - missing), withheld, ...elapsed } satisfies Result)
})

CONTENDERS[contender]?.(servers, {
  delivered: () => clock.add(1),
  several: (count) => clock.add(count),
  withheld() {
    if (!clock.isWarmingUp) withheld += 1
    clock.add(1)
  },
})
