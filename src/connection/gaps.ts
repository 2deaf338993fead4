import type { Observer } from 'rxjs'
import type { Mark } from './mark.js'

/** Why events of a range may be missing. */
export type GapReason =
  /** Queues were full: these events were given up. */
  | 'dropped'
  /** The server no longer has the position that was asked for. */
  | 'cursor-too-old'
  /** The server's log went back, or gave the position to another event. */
  | 'renumbered'
  /** An event was larger than `maxFrameBytes`. */
  | 'frame-too-large'
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

/** Reports gaps, and joins drops that follow one another to one. */
export class Gaps {
  count = 0
  #drops: { host: string; from: number; to: number; count: number; recoverable: boolean } | undefined

  constructor(private readonly observer: Partial<Observer<Gap>> | undefined) {}

  report(gap: Gap): void {
    this.count += 1
    this.observer?.next?.(Object.freeze(gap))
  }

  /** `recoverable`: whether the server sends an event again to who asks for its position. */
  drop({ host, position }: Mark, recoverable: boolean): void {
    if (this.#drops?.host !== host) this.flush()
    this.#drops ??= { host, from: position, to: position, count: 0, recoverable }
    this.#drops.from = Math.min(this.#drops.from, position)
    this.#drops.to = Math.max(this.#drops.to, position)
    this.#drops.count += 1
  }

  /** Reports the drops since the last call as one gap. */
  flush(): void {
    const drops = this.#drops
    this.#drops = undefined
    if (drops !== undefined) this.report({ ...drops, reason: 'dropped' })
  }
}
