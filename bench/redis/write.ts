import { answer, taskOf } from '../tools/child.js'
import { raceClock } from '../tools/race-clock.js'
import { distinctEvents, take } from './events.js'
import { type Way, write } from './writers.js'

/** It answers with a `Finish`. */
export interface Writing {
  readonly way: Way
  readonly url: string
  /** Entries before the clock starts. */
  readonly warmup: number
  readonly entries: number
}

const { way, url, warmup, entries } = taskOf<Writing>()
// Made before the clock starts: making an event costs more than writing it.
const events = take(warmup + entries, distinctEvents())
const clock = raceClock({ warmup, timed: entries }, answer)

void write(way, url, events[Symbol.iterator](), clock.add)
