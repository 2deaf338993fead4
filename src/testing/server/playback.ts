import type { FaultPlan } from './faults.js'

/** What a playback moves, and for whom. */
export interface PlaybackTarget {
  readonly faults: FaultPlan
  readonly sent: number
  readonly script: { readonly done: boolean; take(count: number): number }
  readonly ratePerSecond: number | undefined
  /** How many items the readers can take now. */
  room(): number
  /** The log grew. */
  onGrowth(): void
}

const SCRIPT_BATCH = 512
const PACE_MS = 5

/** Plays a script into a log: at a rate, or as readers at the tail call for more. */
export class Playback {
  #pacing: NodeJS.Timeout | undefined

  constructor(private readonly target: PlaybackTarget) {}

  /**
   * Never past a fault, so that what follows it is still to come. Answers whether there was any.
   */
  pull(): boolean {
    const { script, faults, sent, ratePerSecond } = this.target
    if (ratePerSecond !== undefined) return false
    const count = Math.min(SCRIPT_BATCH, faults.room(sent), this.target.room())
    if (count <= 0 || script.take(count) === 0) return false
    setImmediate(() => this.target.onGrowth())
    return true
  }

  /** Starts the clock, where there is one. */
  pace(): void {
    const { script, ratePerSecond } = this.target
    if (ratePerSecond === undefined || this.#pacing) return
    const startedAt = performance.now()
    let played = 0
    this.#pacing = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * ratePerSecond) / 1000) - played
      played += script.take(due)
      this.target.onGrowth()
      if (script.done) this.stop()
    }, PACE_MS)
  }

  stop(): void {
    clearInterval(this.#pacing)
  }
}
