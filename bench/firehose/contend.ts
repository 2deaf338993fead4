import { answer, taskOf } from '../tools/child.js'
import { type Finish, raceClock } from '../tools/race-clock.js'
import { CONTENDERS } from './contenders.js'
import { Digest } from './operations.js'
import type { Offered } from './serve.js'

export interface FirehoseRace {
  readonly contender: string
  readonly offered: Offered
  readonly chosen: string
}

/** What is missing are operations, or frames. */
export interface FirehoseResult extends Finish {
  readonly withheld: number
  /** Whether the operations of the warm-up are those that the server sent, in their order. */
  readonly same: boolean
  /** Why it could not run, or what it said first of what it withheld. */
  readonly failure?: string
}

const { contender: name, offered, chosen } = taskOf<FirehoseRace>()
const contender = CONTENDERS[name]
if (contender === undefined) throw new Error(`there is no contender ${name}`)
const { warmup, rest, digest } = offered.expected[contender.counts]
const seen = new Digest()
let withheld = 0
let failure: string | undefined

const clock = raceClock({ warmup, timed: rest }, (finish) => {
  const same = contender.counts === 'frames' || seen.text === digest
  answer({
    ...finish,
    withheld,
    same,
    ...(failure === undefined ? {} : { failure }),
  } satisfies FirehoseResult)
})

Promise.resolve(
  contender.read(
    offered.url,
    {
      frame: () => clock.add(1),
      operation(op, describe) {
        if (clock.isWarmingUp) seen.add(describe(op))
        clock.add(1)
      },
      withheld(reason) {
        withheld += 1
        failure ??= String(reason)
      },
    },
    chosen,
  ),
).catch((error: unknown) => {
  failure = String(error)
  clock.stop()
})
