import { BehaviorSubject } from 'rxjs'
import type { StreamError } from '../../errors.js'
import { tell } from '../../internal/tell.js'

/** What the sink is doing. */
export type RedisSinkStatus =
  /**
   * `idle`: no sink has been subscribed with this subject. `starting`: Redis has not replied yet.
   */
  | { readonly state: 'idle' | 'starting' | 'writing' | 'closed' }
  | {
      readonly state: 'waiting'
      /** Which retry in a row comes next, from 1. */
      readonly attempt: number
      /** Unix milliseconds. */
      readonly nextAttemptAt: number
      readonly reason: StreamError
    }
  /** The sink waits: consumers have not read `unread` entries. */
  | { readonly state: 'high-water'; readonly unread: number }

/** A frozen snapshot of one sink. */
export interface RedisSinkMetrics {
  readonly status: RedisSinkStatus
  /** Entries added by this sink. */
  readonly written: number
  /** Entries that were in the stream already. */
  readonly duplicates: number
  /** Entries that Redis had lost and that were added again. */
  readonly rewritten: number
  /** How often Redis had lost more than `rewrite` entries: some may be missing. */
  readonly holes: number
  /** How often positions went back, and ids went on in a new epoch. */
  readonly epochs: number
  /** Attempts after the first. */
  readonly retries: number
  /** Events that could not be written as an entry: see `onDeadLetter`. */
  readonly rejected: number
  /** Events that wait to be written. */
  readonly pending: number
  /** Entries that the slowest group had not read when last counted. */
  readonly unread: number
}

/** Counters, mutated: a snapshot for each event would cost more than the event. */
export class SinkCounts {
  status: RedisSinkStatus = Object.freeze({ state: 'starting' })
  written = 0
  duplicates = 0
  rewritten = 0
  holes = 0
  epochs = 0
  retries = 0
  rejected = 0
  pending = 0
  unread = 0

  constructor(private readonly metrics$: BehaviorSubject<RedisSinkMetrics> | undefined) {}

  publish(): void {
    const { metrics$, ...numbers } = this
    tell(metrics$, Object.freeze(numbers))
  }

  become(status: RedisSinkStatus): void {
    if (status.state === this.status.state && status.state === 'writing') return
    this.status = Object.freeze(status)
    this.publish()
  }
}

/**
 * Makes the subject that {@link toRedisStream} keeps up to date through its `metrics$`: a frozen
 * snapshot every second, and at every change of its status. It begins as `idle`. One subject for
 * one subscription.
 *
 * @example
 * ```ts
 * const metrics$ = redisSinkMetrics()
 * metrics$.subscribe(({ status, written }) => console.log(status.state, written))
 * ```
 */
export function redisSinkMetrics(): BehaviorSubject<RedisSinkMetrics> {
  const { ...numbers } = new SinkCounts(undefined)
  return new BehaviorSubject<RedisSinkMetrics>(
    Object.freeze({ ...numbers, status: Object.freeze({ state: 'idle' as const }) }),
  )
}
