import { asyncScheduler, type Observer } from 'rxjs'
import { type Log, SILENT } from '../internal/log.js'
import { positionText } from '../internal/position-text.js'
import { tell } from '../internal/tell.js'
import type { Position } from './position.js'

/** Why events of a range may be missing. */
export type GapReason =
  /** Queues were full, and these events were dropped. */
  | 'dropped'
  /** The server no longer has the position that was asked for. */
  | 'cursor-too-old'
  /** The server's log went back, or gave the position to another event. */
  | 'renumbered'
  /** An event was larger than `maxFrameBytes`. */
  | 'frame-too-large'
  /** Bytes of an archive were wrong, however often they were fetched. */
  | 'archive-unreadable'
  /** Entries left a Redis stream before they were read. */
  | 'trimmed'

/** A range of positions that are known or feared lost. */
export interface Gap {
  readonly host: string
  /** The first position concerned: the source's own number. */
  readonly from: number
  /** The last one, or `undefined` where it is not known yet. */
  readonly to: number | undefined
  readonly reason: GapReason
  /** Whether the server can still send the range, if asked for `from`. */
  readonly recoverable: boolean
  /** How many events are lost, where that is known. */
  readonly count?: number
}

// For each reason: a stream that is trimmed faster than it is read has a gap at each read.
const WARN_EVERY_MS = 60_000

/**
 * Reports gaps, and joins consecutive drops to one. Without an observer, gaps that no server sends
 * again and frames that were too large are logged. Drops are not: `overflow` asks for them.
 */
export class Gaps {
  count = 0
  #drops:
    | { host: string; from: number; to: number; count: number; recoverable: boolean }
    | undefined

  readonly #warnedAt = new Map<GapReason, number>()

  constructor(
    private readonly observer: Partial<Observer<Gap>> | undefined,
    private readonly log: Log = SILENT,
  ) {}

  report(gap: Gap): void {
    this.count += 1
    if (this.observer?.next !== undefined) tell(this.observer, Object.freeze(gap))
    else if (isLost(gap)) this.#warn(gap)
  }

  /**
   * `recoverable`: whether the server sends the event again when asked for its position. `to` and
   * `count`: of several events that were delivered as one.
   */
  drop({ host, position }: Position, recoverable: boolean, to = position, count = 1): void {
    if (this.#drops?.host !== host) this.flush()
    this.#drops ??= { host, from: position, to, count: 0, recoverable }
    this.#drops.from = Math.min(this.#drops.from, position)
    this.#drops.to = Math.max(this.#drops.to, to)
    this.#drops.count += count
  }

  /** Reports the drops since the last call as one gap. */
  flush(): void {
    const drops = this.#drops
    this.#drops = undefined
    if (drops !== undefined) this.report({ ...drops, reason: 'dropped' })
  }

  #warn(gap: Gap): void {
    const { reason } = gap
    const now = asyncScheduler.now()
    if (now - (this.#warnedAt.get(reason) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) return
    this.#warnedAt.set(reason, now)
    this.log.warn(gapText(gap))
  }
}

/** One line about a gap. */
export function gapText({ host, from, to, reason, count }: Gap): string {
  const what =
    count === undefined
      ? 'events may be lost'
      : count === 1
        ? '1 event is lost'
        : `${count} events are lost`
  const end = to === undefined ? 'an unknown position' : positionText(to)
  return `${host}: ${what}, from ${positionText(from)} to ${end} (${reason})`
}

/**
 * A frame that was too large comes again only after the limit is raised, and bytes of an archive
 * after somebody has mended them.
 */
const isLost = ({ reason, recoverable }: Gap): boolean =>
  reason === 'frame-too-large' ||
  reason === 'archive-unreadable' ||
  (reason !== 'dropped' && !recoverable)
