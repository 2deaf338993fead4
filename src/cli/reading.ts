import type { StreamMetrics } from '../index.js'

/** One look at a run. */
export interface Reading {
  readonly metrics: StreamMetrics
  /** Events that passed. */
  readonly events: number
  /** Events a second, of late. */
  readonly perSecond: number
  /** Since the start. */
  readonly elapsedMs: number
}

/** Shows a run while it goes on. */
export interface View {
  readonly everyMs: number
  show(reading: Reading): void
  /** Once, when all is over. */
  end(reading: Reading): void
}

const WINDOW_MS = 3000

/** A count's growth a second, over the last seconds. */
export class Rate {
  readonly #samples: { readonly at: number; readonly count: number }[] = [{ at: 0, count: 0 }]

  /** `at` in milliseconds since the start. */
  sample(count: number, at: number): number {
    this.#samples.push({ at, count })
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - WINDOW_MS) this.#samples.shift()
    const [first] = this.#samples
    return first === undefined || first.at === at ? 0 : ((count - first.count) * 1000) / (at - first.at)
  }
}
