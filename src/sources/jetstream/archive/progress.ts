import { asyncScheduler } from 'rxjs'
import type { ArchiveMetrics } from '../../../delivery/metrics.js'
import type { Plan } from './plan.js'
import type { Requests } from './requests.js'

/** How far one pass over the archive has come, for the metrics. */
export class ReplayProgress {
  rows = 0
  /** The position up to which all was emitted. */
  at: number
  readonly #startedAt = asyncScheduler.now()

  constructor(
    private readonly from: number,
    private readonly plan: Plan,
    private readonly requests: Requests,
  ) {
    this.at = from
  }

  get metrics(): ArchiveMetrics {
    const { from, at, rows } = this
    const { tip, pages } = this.plan
    const { bytes, waits } = this.requests
    const part = tip === undefined ? 0 : tip <= from ? 1 : Math.min(1, (at - from) / (tip - from))
    const passedMs = asyncScheduler.now() - this.#startedAt
    return Object.freeze({
      from,
      at,
      tip,
      percent: Math.round(part * 1000) / 10,
      bytes,
      rows,
      rowsPerSecond: passedMs > 0 ? Math.round((rows * 1000) / passedMs) : 0,
      etaMs: part > 0 ? Math.round((passedMs * (1 - part)) / part) : undefined,
      plans: pages,
      waits,
    })
  }
}
