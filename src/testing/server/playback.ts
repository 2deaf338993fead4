import type { FaultPlan } from './faults.js'

/** The server that a script is played into. */
export interface PlaybackTarget {
  readonly faults: FaultPlan
  readonly sent: number
  readonly script: { readonly done: boolean; take(count: number): number }
  readonly ratePerSecond: number | undefined
  /** How many items the readers can take now. */
  room(): number
  /** The log has grown. */
  onGrowth(): void
}

const SCRIPT_BATCH = 512
const PACE_MS = 5

/** Plays a script into a log: at a rate, or as fast as readers at the tail take it. */
export class Playback {
  #pacing: NodeJS.Timeout | undefined

  constructor(private readonly target: PlaybackTarget) {}

  /**
   * Never goes past a fault, so that what follows the fault is still live. Returns whether items
   * were added.
   */
  pull(): boolean {
    const { script, faults, sent, ratePerSecond } = this.target
    if (ratePerSecond !== undefined) return false
    const count = Math.min(SCRIPT_BATCH, faults.room(sent), this.target.room())
    if (count <= 0 || script.take(count) === 0) return false
    setImmediate(() => this.target.onGrowth())
    return true
  }

  /** Starts the timer, if there is a rate. */
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
