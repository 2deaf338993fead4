import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { FakeAttempt } from 'rxjs-atproto/testing'
import type { Case } from './cases.js'
import type { Said, SurvivalTask } from './contend.js'

/** How a contender came through a fault. */
export interface Survival {
  /** Events that never came. */
  readonly missing: number
  /** Of these, how many the library itself reported. */
  readonly reported: number
  /** Events that came again. */
  readonly twice: number
  /** Attempts to connect. */
  readonly dials: number
  /** Attempts before the time that a `Retry-After` named. */
  readonly early: number
  /** Until the last new event. */
  readonly seconds: number
  /** Why it goes on no more. */
  readonly ended: string | undefined
  readonly hasFired: boolean
}

// Repeats come at once, if they come.
const SETTLE_MS = 500

/**
 * Ends when all events are there, when the contender has ended, or `limitMs` after its first dial.
 */
export async function runCase(
  { events, serve }: Case,
  contender: string,
  limitMs: number,
): Promise<Survival> {
  const started = await turn()
  await using served = await serve()
  const workerData: SurvivalTask = { contender, hosts: served.hosts }
  const program = new URL('./contend.js', import.meta.url)
  const worker = new Worker(program, { workerData, stdout: true, stderr: true })
  const testimony = new Testimony()
  const isOver = new Promise<void>((resolve) => {
    worker.on('message', (said: Said) => {
      testimony.add(said)
      if (testimony.knownEvents >= events || testimony.ended !== undefined) resolve()
    })
    worker.on('error', (error) => {
      testimony.add({ ended: `uncaught ${error}` })
      resolve()
    })
  })
  await Promise.race([isOver, served.dialled])
  started()
  await Promise.race([isOver, pause(limitMs)])
  await pause(SETTLE_MS)
  await worker.terminate()
  return {
    missing: events - testimony.different,
    reported: testimony.reported,
    twice: testimony.received - testimony.different,
    dials: served.attempts.length,
    early: earlyOf(served.attempts),
    seconds: testimony.seconds,
    ended: testimony.ended,
    hasFired: served.fired > 0,
  }
}

// So many start at once: none has to wait for the others in the middle of its own start.
const STARTING = 4
let starting = 0
const waiting: (() => void)[] = []

/** Resolves when a contender may start; to be called when it has. */
async function turn(): Promise<() => void> {
  if (starting >= STARTING) await new Promise<void>((resolve) => waiting.push(resolve))
  starting += 1
  return () => {
    starting -= 1
    waiting.shift()?.()
  }
}

/** What one contender has said. */
class Testimony {
  received = 0
  reported = 0
  ended: string | undefined
  seconds = 0
  readonly #keys = new Set<string>()
  readonly #startedAt = performance.now()

  add(said: Said): void {
    if ('key' in said) this.#receive(said.key)
    else if ('reported' in said) this.reported += said.reported
    else this.ended ??= said.ended
  }

  #receive(key: string): void {
    this.received += 1
    if (this.#keys.has(key)) return
    this.#keys.add(key)
    this.seconds = (performance.now() - this.#startedAt) / 1000
  }

  get different(): number {
    return this.#keys.size
  }

  /** Those that came, and those that were reported to be lost. */
  get knownEvents(): number {
    return this.different + this.reported
  }
}

const RETRY_AFTER_MS = 5000

function earlyOf(attempts: readonly FakeAttempt[]): number {
  return attempts.filter(({ startedAt }, n) => {
    const before = attempts[n - 1]
    const isAsked = before?.status === 503 || before?.status === 429
    return isAsked && startedAt - before.startedAt < RETRY_AFTER_MS
  }).length
}
