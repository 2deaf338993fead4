import type { Ledger } from '../../connection/ledger.js'
import type { ConnectionStatus, StreamMetrics } from '../../connection/metrics.js'

/** What the parts of a listing know of themselves. */
export interface Parts {
  readonly connection: ConnectionStatus
  readonly ledger: Ledger<unknown>
  readonly queued: number
  readonly unrouted: number
  readonly gaps: number
  /** The number of the page that came last. */
  readonly cursor: number | undefined
  /** How many pages are done and saved. */
  readonly checkpoint: number | undefined
  readonly checkpointErrors: number
}

const UNCOMPRESSED = Object.freeze({ name: 'none' as const })

/** What a listing counts. Its frames are the entries of its pages. */
export class Numbers {
  bytes = 0
  rejected = 0
  events = 0
  duplicates = 0
  retries = 0
  backoffMs = 0
  lastEventAt: number | undefined

  snapshot({ connection, ledger, queued, unrouted, gaps, cursor, checkpoint, checkpointErrors }: Parts): StreamMetrics {
    const { delivered, open, done, dropped, failed, held } = ledger
    return Object.freeze({
      connection,
      compression: UNCOMPRESSED,
      frames: this.events + this.rejected,
      bytes: this.bytes,
      control: 0,
      rejected: this.rejected,
      events: this.events,
      duplicates: this.duplicates,
      filtered: 0,
      delivered,
      open,
      done,
      dropped,
      failed,
      held,
      queued,
      unrouted,
      gaps,
      reconnects: this.retries,
      currentBackoffMs: this.backoffMs,
      lastEventAt: this.lastEventAt,
      lagMs: undefined,
      cursor,
      checkpoint,
      checkpointErrors,
    })
  }
}
