import type { StreamCounts } from './counts.js'
import type { Gaps } from './gaps.js'
import type { Ledger } from './ledger.js'
import type { CompressionStatus, ConnectionStatus, StreamMetrics } from './metrics.js'

/** What a stream counts, whatever it is a stream of. */
export interface StreamCounters {
  readonly counts: StreamCounts
  readonly ledger: Ledger<unknown>
  readonly gaps: Gaps
}

/** Where a stream stands, and how its connection does: each is read where it is kept. */
export interface StreamPosition {
  /** @default not compressed */
  readonly compression?: CompressionStatus | undefined
  /** @default none */
  readonly wire?: string | undefined
  /** Of the connection that is open. @default 0 */
  readonly bytes?: number | undefined
  readonly cursor: number | undefined
  /** @default none */
  readonly checkpoint?: number | undefined
  /** @default 0 */
  readonly checkpointErrors?: number | undefined
}

const UNCOMPRESSED: CompressionStatus = { name: 'none' }

/** All that metrics tell of a stream, frozen. */
export function snapshotOf(
  numbers: StreamCounters,
  connection: ConnectionStatus,
  currentBackoffMs: number,
  standing: StreamPosition,
): StreamMetrics {
  const {
    frames,
    bytes,
    control,
    rejected,
    events,
    duplicates,
    filtered,
    reconnects,
    lastEventAt,
    lagMs,
  } = numbers.counts
  const { delivered, open, done, dropped, failed, held, source } = numbers.ledger
  return Object.freeze({
    connection: Object.freeze(connection),
    compression: Object.freeze(standing.compression ?? UNCOMPRESSED),
    wire: standing.wire,
    frames,
    bytes: bytes + (standing.bytes ?? 0),
    control,
    rejected,
    events,
    duplicates,
    filtered,
    delivered,
    open,
    done,
    dropped,
    failed,
    held,
    queued: source.queued,
    unrouted: source.unrouted,
    gaps: numbers.gaps.count,
    reconnects,
    currentBackoffMs,
    lastEventAt,
    lagMs,
    cursor: standing.cursor,
    checkpoint: standing.checkpoint,
    checkpointErrors: standing.checkpointErrors ?? 0,
  })
}
