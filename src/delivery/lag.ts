import { asyncScheduler } from 'rxjs'
import type { StreamMetrics } from './metrics.js'

// Longer than a server pauses during a replay.
const QUIET_MS = 10_000

/**
 * How far behind the events are now, in milliseconds. 0 on an open connection that has been quiet
 * for 10 s with no event in work, however old its last event is: a quiet labeler is not behind.
 */
export function currentLagMs(
  metrics: Pick<StreamMetrics, 'lagMs' | 'lastEventAt' | 'connection' | 'open'>,
): number | undefined {
  const { lagMs, lastEventAt, connection, open } = metrics
  const quietMs = lastEventAt === undefined ? 0 : asyncScheduler.now() - lastEventAt
  const isCaughtUp = connection.state === 'open' && open === 0 && quietMs >= QUIET_MS
  return lagMs !== undefined && isCaughtUp ? 0 : lagMs
}
