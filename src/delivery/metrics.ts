import { asyncScheduler, BehaviorSubject } from 'rxjs'
import type { StreamError } from '../errors.js'

/**
 * What the connection does now. `since`, in unix milliseconds: since when the stream is connected
 * (`open`, `paused`) or without a connection (`connecting`, `waiting`). Further attempts do not
 * restart it.
 */
export type ConnectionStatus =
  /** No source has been subscribed with this subject. */
  | {
      readonly state: 'idle'
      readonly host?: undefined
      readonly reason: undefined
      readonly since: number
    }
  | {
      readonly state: 'connecting' | 'open' | 'paused'
      readonly host: string
      /**
       * Why the stream closed the last connection itself and dials again: no failure. Absent
       * otherwise.
       */
      readonly redialled?: string
      /** While it is connecting: why the last attempt failed. */
      readonly reason: StreamError | undefined
      readonly since: number
    }
  | {
      readonly state: 'waiting'
      /** The host that is tried next. */
      readonly host: string
      /** Which retry in a row comes next, from 1. */
      readonly attempt: number
      /** Unix milliseconds. */
      readonly nextAttemptAt: number
      /** Why the last connection ended. */
      readonly reason: StreamError
      readonly since: number
    }
  | {
      readonly state: 'closed'
      readonly host: string
      /** The error that ended the stream; `undefined` after completion or unsubscription. */
      readonly reason: StreamError | undefined
      readonly since: number
    }

/** How frames come. `reason`: why they are not compressed, although that was asked for. */
export interface CompressionStatus {
  readonly name: 'none' | 'zstd'
  readonly decoder?: 'wasm' | 'zlib' | 'napi'
  readonly dictionaryId?: number
  readonly reason?: StreamError
}

/** How far the last pass over an archive has come. */
export interface ArchiveMetrics {
  /** The position that it began after. */
  readonly from: number
  /** The position up to which all was emitted. */
  readonly at: number
  /** The last position of the archive, once the first plan came. */
  readonly tip: number | undefined
  /** How much of the way from `from` to `tip` is behind it. */
  readonly percent: number
  /** Bytes of all responses, which is what a quota counts. */
  readonly bytes: number
  /** Rows read, those that the filters leave out included. */
  readonly rows: number
  readonly rowsPerSecond: number
  /** By the pace so far, in milliseconds. */
  readonly etaMs: number | undefined
  /** Pages of plans that were asked for. */
  readonly plans: number
  /** How often a request waited: for the quota, or to be tried again. */
  readonly waits: number
}

/**
 * A frozen snapshot of one stream. At any moment `frames = events + control + rejected`,
 * `events = duplicates + filtered + delivered` and `delivered = done + dropped + failed + open`.
 */
export interface StreamMetrics {
  readonly connection: ConnectionStatus
  readonly compression: CompressionStatus
  /**
   * The wire that is spoken, of a source that has several: `jetstream$` chooses under
   * `wire: 'auto'`.
   */
  readonly wire: string | undefined
  /** WebSocket messages received. */
  readonly frames: number
  /** Bytes of those messages, as they came. */
  readonly bytes: number
  /** Frames that are no event, such as the server's notices. */
  readonly control: number
  /** Frames that could not be read: see `rejects`. */
  readonly rejected: number
  /** Frames decoded to an event. */
  readonly events: number
  /** Events received before, which an inclusive cursor repeats. */
  readonly duplicates: number
  /** Events that the config does not want and that the server cannot leave out. */
  readonly filtered: number
  /** Events emitted. */
  readonly delivered: number
  /** Deliveries that somebody holds still. */
  readonly open: number
  readonly done: number
  readonly dropped: number
  readonly failed: number
  /**
   * Deliveries that anybody ever held. 0 beside a checkpoint and asynchronous work is the sign of a
   * pipe that ends them early.
   */
  readonly held: number
  /** Values that wait in bounded operators now. */
  readonly queued: number
  /** Events that no ingestor wanted. */
  readonly unrouted: number
  /** Those by their kind, such as `{ commit: 3, identity: 1 }`. */
  readonly unroutedKinds: Readonly<Record<string, number>>
  /** Ranges reported to `gaps`. */
  readonly gaps: number
  /** Dials after the first. One that follows a refused probe of wire v2 is none. */
  readonly reconnects: number
  /** The delay that is waited now, in whole milliseconds; 0 when none is. */
  readonly currentBackoffMs: number
  /** When the last event came, in unix milliseconds. */
  readonly lastEventAt: number | undefined
  /**
   * The time since the last event, in milliseconds. Grows while `lagMs` stays: a quiet filter, or a
   * host that has fallen silent.
   */
  readonly idleMs: number | undefined
  /**
   * When the last event came, minus the event's own time, in whole milliseconds. Never negative.
   */
  readonly lagMs: number | undefined
  /** The resume cursor: the position of the last event received. */
  readonly cursor: number | undefined
  /** The position saved last. */
  readonly checkpoint: number | undefined
  /** Saves that failed. */
  readonly checkpointErrors: number
  /** The archive that the stream reads, or has read; `undefined` where it reads none. */
  readonly archive: ArchiveMetrics | undefined
}

const NOTHING_YET: Omit<StreamMetrics, 'connection'> = {
  compression: Object.freeze({ name: 'none' }),
  wire: undefined,
  frames: 0,
  bytes: 0,
  control: 0,
  rejected: 0,
  events: 0,
  duplicates: 0,
  filtered: 0,
  delivered: 0,
  open: 0,
  done: 0,
  dropped: 0,
  failed: 0,
  held: 0,
  queued: 0,
  unrouted: 0,
  unroutedKinds: Object.freeze({}),
  gaps: 0,
  reconnects: 0,
  currentBackoffMs: 0,
  lastEventAt: undefined,
  idleMs: undefined,
  lagMs: undefined,
  cursor: undefined,
  checkpoint: undefined,
  checkpointErrors: 0,
  archive: undefined,
}

/**
 * Makes the subject that a source keeps up to date: `jetstream$({ metrics$ })` publishes a frozen
 * snapshot every second and at every change of the connection's state. It begins as `idle`. One
 * subject for one subscription.
 */
export function streamMetrics(): BehaviorSubject<StreamMetrics> {
  const connection = { state: 'idle', reason: undefined, since: asyncScheduler.now() } as const
  return new BehaviorSubject<StreamMetrics>(
    Object.freeze({ ...NOTHING_YET, connection: Object.freeze(connection) }),
  )
}
