import { answer, taskOf } from '../tools/child.js'
import { standstill } from '../tools/standstill.js'
import { HOLDERS } from './holders.js'

/**
 * Writes what a server offers; answers `'writing'` when the first ones are written, and how it went
 * when `receive` are received while Redis is stopped, or all `events` written when it has gone on.
 */
export interface Holding {
  readonly holder: string
  /** Of the server. */
  readonly url: string
  readonly redisUrl: string
  readonly events: number
  readonly receive: number
}

export interface HeldSample {
  readonly written: number
  /** How far the process grew, from before the subscription, while Redis was stopped. */
  readonly grownBytes: number
  /** The same, to the very end. */
  readonly grownInAllBytes: number
}

const SAMPLE_MS = 100
// Nothing written for so long, after Redis went on: the rest is lost.
const STUCK_AFTER_MS = 15_000

const { holder, url, redisUrl, events, receive } = taskOf<Holding>()
const start = HOLDERS[holder]
if (start === undefined) throw new Error(`there is no holder ${holder}`)

let phase: 'waiting' | 'writing' | 'stopped' | 'going on' = 'waiting'
let received = 0
let written = 0
let grownBytes = 0
let grownInAllBytes = 0
const isStuck = standstill(STUCK_AFTER_MS)

const before = process.memoryUsage.rss()
void start(url, redisUrl, {
  received() {
    received += 1
  },
  written(count) {
    written += count
  },
})
const sampling = setInterval(sample, SAMPLE_MS)
process.on('message', (word) => {
  phase = word as 'stopped' | 'going on'
})

function sample(): void {
  grownInAllBytes = Math.max(grownInAllBytes, process.memoryUsage.rss() - before)
  if (phase === 'stopped') grownBytes = grownInAllBytes
  if (phase === 'waiting' && written > 0) {
    phase = 'writing'
    answer('writing')
  }
  if (phase === 'stopped' && received >= receive) finish()
  if (phase === 'going on' && (written >= events || isStuck(written))) finish()
}

function finish(): void {
  clearInterval(sampling)
  answer({ written, grownBytes, grownInAllBytes } satisfies HeldSample)
}
