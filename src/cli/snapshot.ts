import { exhaustMap, forkJoin, interval, type Observable, race, skip, take, timer } from 'rxjs'
import type { StreamMetrics } from '../index.js'

/** One look at a run. */
export interface Snapshot {
  readonly metrics: StreamMetrics
  /** Events that passed. */
  readonly events: number
  /** Frames, and parts of frames, that could not be read. */
  readonly unreadable: number
  /** Events a second, of late. */
  readonly perSecond: number
  /** Since the start. */
  readonly elapsedMs: number
}

/** Shows a run while it goes on. */
export interface View {
  /** When to show it. `metrics$` has the metrics as the source tells them. */
  readonly when: (metrics$: Observable<StreamMetrics>) => Observable<unknown>
  show(reading: Snapshot): void
  /** Once, when all is over. */
  end(reading: Snapshot): void
}

/**
 * Each `everyMs`, as soon as all of `numbers` (subjects) are told anew: what they hold until then
 * is as old. Where one is told no more, `everyMs` later.
 */
export const whenFresh = (
  everyMs: number,
  numbers: readonly Observable<unknown>[],
): Observable<unknown> => {
  const next$ = numbers.map((told$) => told$.pipe(skip(1), take(1)))
  return interval(everyMs).pipe(exhaustMap(() => race(forkJoin(next$), timer(everyMs))))
}

const WINDOW_MS = 3000

/** A count's growth a second, over the last seconds. */
export class Rate {
  readonly #samples: { readonly at: number; readonly count: number }[] = [{ at: 0, count: 0 }]

  /** `at` in milliseconds since the start. */
  sample(count: number, at: number): number {
    this.#samples.push({ at, count })
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - WINDOW_MS)
      this.#samples.shift()
    const [first] = this.#samples
    return first === undefined || first.at === at
      ? 0
      : ((count - first.count) * 1000) / (at - first.at)
  }
}
