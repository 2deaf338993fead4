import { asyncScheduler, type BehaviorSubject, type Observer } from 'rxjs'
import { StreamError } from '../errors.js'
import { tell } from '../internal/tell.js'
import type { Gaps } from './gaps.js'
import type { Ledger } from './ledger.js'
import type {
  ArchiveMetrics,
  CompressionStatus,
  ConnectionStatus,
  StreamMetrics,
} from './metrics.js'

/**
 * What a stream counts by itself; the ledger and the progress have counters of their own. Mutated
 * for each frame, read when metrics are published.
 */
export class StreamCounts {
  frames = 0
  control = 0
  rejected = 0
  events = 0
  duplicates = 0
  filtered = 0
  reconnects = 0
  /** Without those of the open connection. */
  bytes = 0
  // Always numbers, never undefined: V8 then updates the field in place instead of boxing each
  // value.
  #lastEventAt = -1
  #lastTimeUs = 0

  /** An event arrived: `at` in unix milliseconds, its own time in microseconds, or 0. */
  eventAt(at: number, time_us: number): void {
    this.#lastEventAt = at
    this.#lastTimeUs = time_us
  }

  /** In unix milliseconds. */
  get lastEventAt(): number | undefined {
    return this.#lastEventAt < 0 ? undefined : this.#lastEventAt
  }

  /** Time since the last event, in milliseconds. */
  get idleMs(): number | undefined {
    return this.#lastEventAt < 0 ? undefined : Math.max(0, asyncScheduler.now() - this.#lastEventAt)
  }

  get lagMs(): number | undefined {
    return this.#lastTimeUs === 0
      ? undefined
      : Math.max(0, Math.round(this.#lastEventAt - this.#lastTimeUs / 1000))
  }
}

/** What a stream counts, whatever its source. */
export interface StreamCounters {
  readonly counts: StreamCounts
  readonly ledger: Ledger<unknown>
  readonly gaps: Gaps
  /** How many events of each kind no ingestor took. */
  readonly unroutedKinds: ReadonlyMap<string, number>
}

/** Position and connection figures for a metrics snapshot, read from their owners. */
export interface StreamPosition {
  /** @default not compressed */
  readonly compression?: CompressionStatus | undefined
  /** @default none */
  readonly wire?: string | undefined
  /**
   * Bytes of the open connection.
   * @default 0
   */
  readonly bytes?: number | undefined
  readonly cursor: number | undefined
  /** @default none */
  readonly checkpoint?: number | undefined
  /** @default 0 */
  readonly checkpointErrors?: number | undefined
  /** @default none */
  readonly archive?: ArchiveMetrics | undefined
}

/** A change of the connection's status. {@link MetricsReport} adds what it knows. */
export type StatusChange =
  | {
      readonly state: 'connecting' | 'open' | 'paused'
      readonly host: string
      readonly redialled?: string
    }
  | {
      readonly state: 'waiting'
      readonly host: string
      readonly attempt: number
      readonly nextAttemptAt: number
      readonly reason: StreamError
    }
  | { readonly state: 'closed'; readonly host: string; readonly reason: StreamError | undefined }

/** A stream that no host has served yet. */
export interface Unreached {
  /** The host of the last attempt. */
  readonly host: string
  readonly forMs: number
  readonly reason: StreamError
}

/** Publishes the metrics of one stream: its connection's status, kept here, and its counters. */
export class MetricsReport {
  /** The delay until the next attempt, in milliseconds; 0 when none is waited for. */
  backoffMs = 0
  #status: ConnectionStatus
  #hasOpened = false
  // The host of the last attempt that failed.
  #failedHost = ''
  readonly #watchers: Pick<Observer<StreamMetrics>, 'next'>[] = []

  constructor(
    private readonly metrics$: BehaviorSubject<StreamMetrics> | undefined,
    private readonly counters: StreamCounters,
    private readonly position: () => StreamPosition,
    host: string,
  ) {
    const since = asyncScheduler.now()
    this.#status = { state: 'connecting', host, reason: undefined, since }
  }

  get state(): ConnectionStatus['state'] {
    return this.#status.state
  }

  /** Publishes to `observer` too. */
  watch(observer: Pick<Observer<StreamMetrics>, 'next'>): void {
    this.#watchers.push(observer)
  }

  /** How long no host could be reached, and why; `undefined` once one was. */
  get unreached(): Unreached | undefined {
    const { reason, since } = this.#status
    if (this.#hasOpened || reason === undefined) return undefined
    return { host: this.#failedHost, forMs: asyncScheduler.now() - since, reason }
  }

  become(change: StatusChange): void {
    this.#enter(change)
    this.publish()
  }

  /** The next attempt, at `host`, follows after the backoff. */
  waiting(host: string, attempt: number, reason: StreamError): void {
    this.become({
      state: 'waiting',
      host,
      attempt,
      nextAttemptAt: asyncScheduler.now() + this.backoffMs,
      reason,
    })
  }

  /** Keeps the reason of the end; {@link ended}, which follows, publishes it. */
  failed(host: string, error: unknown): void {
    this.#enter({ state: 'closed', host, reason: error instanceof StreamError ? error : undefined })
  }

  ended(host: string): void {
    this.backoffMs = 0
    if (this.state !== 'closed') this.#enter({ state: 'closed', host, reason: undefined })
    this.publish()
  }

  /** Also reports the drops since the last call, as one gap. */
  publish(): void {
    this.counters.gaps.flush()
    this.publishCounters()
  }

  publishCounters(): void {
    const snapshot = snapshotOf(this.counters, this.#status, this.backoffMs, this.position())
    tell(this.metrics$, snapshot)
    for (const watcher of this.#watchers) tell(watcher, snapshot)
  }

  #enter(change: StatusChange): void {
    const { state, host = '', reason, since } = this.#status
    if (change.state === 'open') this.#hasOpened = true
    if (change.state === 'waiting') this.#failedHost = host
    this.#status = {
      // The reason of the last attempt, while the next one is under way.
      reason: change.state === 'connecting' ? reason : undefined,
      ...change,
      since: phaseOf(change.state) === phaseOf(state) ? since : asyncScheduler.now(),
    }
  }
}

/** The states that share one `since`. */
const phaseOf = (state: ConnectionStatus['state']): string =>
  state === 'open' || state === 'paused' ? 'up' : state === 'closed' ? 'over' : 'down'

const NO_KINDS: StreamMetrics['unroutedKinds'] = Object.freeze({})

const kindsOf = (counted: ReadonlyMap<string, number>): StreamMetrics['unroutedKinds'] =>
  counted.size === 0 ? NO_KINDS : Object.freeze(Object.fromEntries(counted))

const UNCOMPRESSED: CompressionStatus = { name: 'none' }

/** The frozen snapshot that `metrics$` receives. */
export function snapshotOf(
  counters: StreamCounters,
  connection: ConnectionStatus,
  currentBackoffMs: number,
  position: StreamPosition,
): StreamMetrics {
  const { counts } = counters
  const { delivered, open, done, dropped, failed, held, source } = counters.ledger
  return Object.freeze({
    connection: Object.freeze(connection),
    compression: Object.freeze(position.compression ?? UNCOMPRESSED),
    wire: position.wire,
    frames: counts.frames,
    bytes: counts.bytes + (position.bytes ?? 0),
    control: counts.control,
    rejected: counts.rejected,
    events: counts.events,
    duplicates: counts.duplicates,
    filtered: counts.filtered,
    delivered,
    open,
    done,
    dropped,
    failed,
    held,
    queued: source.queued,
    unrouted: source.unrouted,
    unroutedKinds: kindsOf(counters.unroutedKinds),
    gaps: counters.gaps.count,
    reconnects: counts.reconnects,
    currentBackoffMs,
    lastEventAt: counts.lastEventAt,
    idleMs: counts.idleMs,
    lagMs: counts.lagMs,
    cursor: position.cursor,
    checkpoint: position.checkpoint,
    checkpointErrors: position.checkpointErrors ?? 0,
    archive: position.archive,
  })
}
