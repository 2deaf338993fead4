import { exhaustMap, forkJoin, interval, type Observable, race, skip, take, timer } from 'rxjs'
import type { StreamMetrics } from '../index.js'

/** The figures of a run at one moment. */
export interface Snapshot {
  readonly metrics: StreamMetrics
  /** Events that are written. */
  readonly events: number
  /** Whether a connection was ever open. */
  readonly connected: boolean
  /** Frames and parts of frames that could not be read. */
  readonly unreadable: number
  /** Events per second over the last seconds. */
  readonly perSecond: number
  /** The time since the start. */
  readonly elapsedMs: number
}

/** Shows a run while it lasts. */
export interface View {
  /** When to show it. `metrics$` are the metrics of the source. */
  readonly when: (metrics$: Observable<StreamMetrics>) => Observable<unknown>
  show(snapshot: Snapshot): void
  /** Emits when a person wants to end the run. */
  readonly quit$?: Observable<unknown>
  /** Called once, when the run is over. */
  end(snapshot: Snapshot): void
}

/**
 * Emits every `everyMs`, after each of `subjects` has published a fresh value, or after `everyMs`
 * more if one has gone quiet.
 */
export const whenFresh = (
  everyMs: number,
  subjects: readonly Observable<unknown>[],
): Observable<unknown> => {
  const next$ = subjects.map((subject$) => subject$.pipe(skip(1), take(1)))
  return interval(everyMs).pipe(exhaustMap(() => race(forkJoin(next$), timer(everyMs))))
}

const WINDOW_MS = 3000

/** How much a count grows per second, over the last seconds. */
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
