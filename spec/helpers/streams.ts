import { lastValueFrom, type Observable, take, toArray } from 'rxjs'
import type { StreamMetrics } from '../../src/index.js'

/** Every number of a snapshot adds up. */
export function expectBalanced(metrics: StreamMetrics): void {
  expect(metrics.frames).toBe(metrics.events + metrics.control + metrics.rejected)
  expect(metrics.events).toBe(metrics.duplicates + metrics.filtered + metrics.delivered)
  expect(metrics.delivered).toBe(metrics.done + metrics.dropped + metrics.failed + metrics.open)
}

/** The first so many values. */
export const first = <T>(count: number, source$: Observable<T>): Promise<readonly T[]> =>
  lastValueFrom(source$.pipe(take(count), toArray()))
