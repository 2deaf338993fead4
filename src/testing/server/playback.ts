import type { FaultPlan } from './faults.js'

/** The server that a script is played into. */
export interface PlaybackTarget {
  readonly faults: FaultPlan
  readonly sent: number
  readonly script: { readonly done: boolean; take(count: number): number }
  /** Whether the items come by a clock, from the first reader on. */
  readonly isPaced: boolean
  /** Whether the next item is due, after so many of them. */
  isDue(played: number, elapsedMs: number): boolean
  /** How many items the readers can take now. */
  room(): number
  /** The log has grown. */
  onGrowth(): void
}

const SCRIPT_BATCH = 512
const PACE_MS = 5

/** Plays a script into a log: by a clock, or as fast as readers at the tail take it. */
export class Playback {
  #pacing: NodeJS.Timeout | undefined

  constructor(private readonly target: PlaybackTarget) {}

  /**
   * Never goes past a fault, so that what follows the fault is still live. Returns whether items
   * were added.
   */
  pull(): boolean {
    const { script, faults, sent, isPaced } = this.target
    if (isPaced) return false
    const count = Math.min(SCRIPT_BATCH, faults.room(sent), this.target.room())
    if (count <= 0 || script.take(count) === 0) return false
    setImmediate(() => this.target.onGrowth())
    return true
  }

  /** Starts the clock, if there is one. */
  pace(): void {
    const { script, isPaced } = this.target
    if (!isPaced || this.#pacing) return
    const startedAt = performance.now()
    let played = 0
    this.#pacing = setInterval(() => {
      const elapsedMs = performance.now() - startedAt
      while (this.target.isDue(played, elapsedMs) && script.take(1) > 0) played += 1
      this.target.onGrowth()
      if (script.done) this.stop()
    }, PACE_MS)
  }

  stop(): void {
    clearInterval(this.#pacing)
  }
}
