import type { Gap } from '../../src/delivery/gaps.js'
import type { Position } from '../../src/delivery/position.js'
import type { CursorProgress } from '../../src/live/cursor-progress.js'
import type { OnCursorRefused } from '../../src/live/cursor-request.js'
import { Control, type CursorProtocol, Redial } from '../../src/live/protocol.js'
import { cursorProgress, type Numbered, plain, T0 } from './sessions.js'

/** Whose rules a log follows. `v1`: that wire on a v2 server. */
export type Kind = 'v2' | 'v1' | 'legacy' | 'relay'

/** What happens to the log, to the connection or to the program. */
export type Step =
  | { readonly do: 'append'; readonly wanted: readonly boolean[]; readonly everyMs: number }
  | { readonly do: 'read'; readonly count: number }
  | { readonly do: 'cut' | 'restart' }
  /** The newest rows are lost, and come again under new positions and times. */
  | { readonly do: 'crash'; readonly lose: number; readonly others: number }
  /** Removes every n-th row, the one at the cursor too. */
  | { readonly do: 'compact'; readonly every: number }
  | { readonly do: 'expire'; readonly keep: number }
  /** The server is set up anew: its numbers begin again. */
  | { readonly do: 'wipe' }
  /** To all rows, or back to the wanted ones. The model's reader wants those under both. */
  | { readonly do: 'filter' }

interface Row extends Numbered {
  readonly wanted: boolean
}

const HOST = 'ws://a'

/**
 * A server's log by the rules that real servers follow: what a cursor is answered with, and what is
 * lost when.
 */
export class LogModel {
  rows: Row[] = []
  clockUs = T0
  #nextSeq = 100
  #ids = 0
  /** The highest position that retention took. */
  expired = 0

  /** `unsealed`: with so many of the newest rows a server answers any time among them. */
  constructor(
    readonly kind: Kind,
    private readonly unsealed = 0,
  ) {}

  append(wanted: readonly boolean[], everyMs: number): void {
    for (const one of wanted) this.#push(`e${this.#ids++}`, one, everyMs * 1000)
  }

  /** `others` come before what was lost comes again, so that its numbers are theirs. */
  crash(lose: number, others: number): void {
    const lost = this.rows.splice(Math.max(0, this.rows.length - lose))
    if (this.kind !== 'legacy') this.#nextSeq = lost[0]?.position ?? this.#nextSeq
    this.clockUs += 2_000_000
    for (let n = 0; n < others; n++) this.#push(`o${this.#ids++}`, n % 2 === 0, 1000)
    for (const { id, wanted } of lost) this.#push(id, wanted, 1000)
  }

  compact(every: number, held: number | undefined): void {
    this.rows = this.rows.filter(
      ({ position }, index) => index === 0 || (index % every !== 0 && position !== held),
    )
  }

  expire(keep: number): void {
    const gone = this.rows.splice(0, Math.max(0, this.rows.length - keep))
    this.expired = Math.max(this.expired, gone.at(-1)?.position ?? 0)
  }

  wipe(): void {
    this.rows = []
    this.expired = 0
    this.#nextSeq = 1
  }

  /** Whether v2 says of a time that it starts later. */
  isClamped(cursor: number | undefined): boolean {
    const [first] = this.rows
    const isTime = cursor !== undefined && cursor >= 1e15
    return this.kind === 'v2' && isTime && first !== undefined && cursor <= first.time_us
  }

  /**
   * The first row that a cursor is answered with, as an index; `undefined`: the live end. Throws
   * what v2 refuses.
   */
  place(cursor: number | undefined): number | undefined {
    if (cursor === undefined) return undefined
    const isTime = cursor >= 1e15
    const first = this.rows[0]
    if (
      this.kind === 'v2' &&
      !isTime &&
      first !== undefined &&
      cursor < first.position &&
      cursor <= this.expired
    )
      throw new TooOld(`cursor ${cursor} below lookback floor ${first.position}; x`)
    if (this.kind === 'legacy' && cursor > this.clockUs) return undefined
    const found = this.rows.findIndex((row) => (isTime ? row.time_us : row.position) >= cursor)
    if (found >= 0) return isTime ? this.#startOf(found) : found
    return this.kind === 'legacy' ? 0 : undefined
  }

  #startOf(found: number): number {
    const isSequenced = this.kind === 'v2' || this.kind === 'v1'
    return isSequenced ? Math.max(0, Math.min(found, this.rows.length - this.unsealed)) : found
  }

  #push(id: string, wanted: boolean, afterUs: number): void {
    this.clockUs += afterUs
    const position = this.kind === 'legacy' ? this.clockUs : this.#nextSeq++
    this.rows.push({ id, position, time_us: this.clockUs, wanted })
  }
}

class TooOld extends Error {}

/** A program that reads such a log over cuts and restarts, and what it has. */
export class ReaderModel {
  readonly gaps: Gap[] = []
  readonly seen = new Set<string>()
  deliveries = 0
  dials = 0
  /** The next row, on an open connection. */
  #next: number | undefined
  #isFloor = false
  #isWide = false
  /** What the server still sends on this connection. */
  #left = 0
  #checkpoint: Position | undefined
  #progress: CursorProgress<Numbered>

  constructor(
    readonly log: LogModel,
    private readonly policy: OnCursorRefused = 'oldest',
    private readonly rowsPerConnection = Number.POSITIVE_INFINITY,
  ) {
    this.#progress = this.#started()
  }

  get position(): number | undefined {
    return this.#progress.last?.position ?? this.#checkpoint?.position
  }

  take(step: Step): void {
    const { log } = this
    switch (step.do) {
      case 'append':
        log.append(step.wanted, step.everyMs)
        break
      case 'read':
        this.read(step.count)
        break
      case 'cut':
        this.#next = undefined
        break
      case 'restart':
        this.#next = undefined
        this.#checkpoint = this.#progress.last ?? this.#checkpoint
        this.#progress = this.#started()
        break
      case 'crash':
        this.#next = undefined
        log.crash(step.lose, step.others)
        break
      case 'compact':
        this.#next = undefined
        log.compact(step.every, this.position)
        break
      case 'expire':
        this.#next = undefined
        log.expire(step.keep)
        break
      case 'wipe':
        this.#next = undefined
        log.wipe()
        break
      case 'filter':
        this.#isWide = !this.#isWide
        this.#progress.filterChanged()
        // Wire v1 takes a filter on the open connection.
        if (log.kind === 'v2') this.#next = undefined
    }
  }

  /** Dials as often as it takes, until the server has sent so many rows. */
  read(count: number): void {
    for (let left = count; left > 0; left--) {
      if (this.#next === undefined) this.#dial()
      const row = this.#following()
      if (row === undefined) return
      this.#receive(row)
      if (--this.#left <= 0) this.#next = undefined
    }
  }

  #started(): CursorProgress<Numbered> {
    const progress = cursorProgress(
      {
        start: this.#checkpoint === undefined ? 'oldest' : undefined,
        onCursorRefused: this.policy,
        now: () => this.log.clockUs / 1000,
      },
      this.gaps,
    )
    progress.startFrom(this.#checkpoint)
    return progress
  }

  #dial(): void {
    for (;;) {
      this.dials += 1
      if (this.dials > 2000) throw new Error('dials for ever')
      const cursor = this.#progress.cursorFor(protocolOf(this.log.kind))
      this.#isFloor = this.#progress.asksForFloor
      try {
        this.#next = this.log.place(cursor) ?? this.log.rows.length
        this.#left = this.rowsPerConnection
        this.#progress.opened()
        if (this.log.isClamped(cursor))
          this.#progress.onControl(new Control('OutdatedCursor', 'starting at seq 1'), HOST)
        return
      } catch (error) {
        if (error instanceof TooOld) this.#progress.refused(HOST, error.message)
        else if (!(error instanceof Redial)) throw error
      }
    }
  }

  /** The next row that the server sends. */
  #following(): Row | undefined {
    const { rows } = this.log
    while (this.#next !== undefined && this.#next < rows.length) {
      const row = rows[this.#next++]
      // A relay filters nothing.
      if (row?.wanted || this.#isWide || this.#isFloor || this.log.kind === 'relay') return row
    }
    return undefined
  }

  #receive(row: Row): void {
    try {
      if (!this.#progress.onEvent(row, HOST, row.position, row.time_us)) return
      this.seen.add(row.id)
      this.deliveries += 1
    } catch (error) {
      if (!(error instanceof Redial)) throw error
      this.#next = undefined
      this.#dial()
    }
  }
}

const protocolOf = (kind: Kind): CursorProtocol<Numbered> => ({
  ...plain(HOST),
  takesTimes: kind !== 'relay',
  tellsFloor: kind === 'v2',
  floorOf: (message) => Number(/floor (\d+)/.exec(message)?.[1]),
  oldest: kind === 'v2' ? 1e15 : 0,
})
