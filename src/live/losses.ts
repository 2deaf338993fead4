import type { GapReason, Gaps } from '../delivery/gaps.js'
import type { OnCursorRefused } from './cursor-request.js'
import type { Received } from './received.js'

/** Reports what is lost, each loss once. */
export class Losses {
  // How far the stream had come when a renumbered log was reported.
  #advancesAtReport = -1
  // Where the oldest event stood when a loss was reported, until an event has come. By the time the
  // log is asked for that event, it may have lost more.
  #reportedUpTo = 0
  #reportedOn = ''

  constructor(
    private readonly onCursorRefused: OnCursorRefused,
    private readonly gaps: Gaps,
    private readonly received: Pick<Received<unknown>, 'advance' | 'advances'>,
  ) {}

  /** Whether a renumbered log was reported, and the stream has not gone on since. */
  get isReported(): boolean {
    this.received.advance()
    return this.#advancesAtReport === this.received.advances
  }

  /** Up to where a loss was reported on `host`, while no event has come since; 0: none was. */
  reportedUpTo(host: string): number {
    return host === this.#reportedOn ? this.#reportedUpTo : 0
  }

  /** An earlier run reported a loss up to `floor`, and no event has come since. */
  resume(host: string, floor: number): void {
    this.#reportedOn = host
    this.#reportedUpTo = floor
  }

  /** An event has come: the stream goes on. */
  settle(): void {
    this.#reportedUpTo = 0
  }

  /** Once, until the stream has gone on: a server that always answers the same is one loss. */
  renumbered(host: string, one: number, other: number, recoverable: boolean): void {
    if (this.isReported) return
    this.#advancesAtReport = this.received.advances
    const [from, to] = one < other ? [one, other] : [other, one]
    this.gaps.report({ host, from, to, reason: 'renumbered', recoverable })
  }

  /** `floor`: where the log begins. A stream that goes on live loses what comes after it, too. */
  tooOld(host: string, from: number, floor: number | undefined, reason: GapReason): void {
    const to = this.onCursorRefused === 'live' ? undefined : floor
    this.resume(host, to ?? 0)
    this.gaps.report({ host, from, to, reason, recoverable: false })
  }

  /** The server sends its oldest event, which stands at `floor`. */
  sinceReport(host: string, floor: number): void {
    const from = this.reportedUpTo(host)
    if (from > 0 && floor > from) this.tooOld(host, from, floor, 'cursor-too-old')
  }
}
