import { CursorRefusedError } from '../errors.js'
import { type Log, SILENT } from '../internal/log.js'
import type { GapReason, Gaps } from './gaps.js'
import type { Mark } from './mark.js'
import { type CursorProtocol, isTimeCursor } from './protocol.js'
import { Redial } from './redial.js'

/** What to do when a server cannot serve the position asked for: end the stream, or go on from another place, with a gap. */
export type OnCursorRefused = 'fail' | 'oldest' | 'live'

// A position of another host, or of a log that was renumbered, is good by its time alone, and no two clocks are the same.
const REWIND_US = 10_000_000
// Each time the log goes back again, so do we, further: 10 s, 1 min, 6 min, 36 min.
const MAX_REWINDS = 4
// Older than asked for by more than this, it is no overlap but the replay of all that a server holds: legacy servers compare cursors as
// text, and send everything when they know no later row. The overlap of a v2 server was 49 s; it is one segment at most.
const FAR_US = 3_600_000_000
// The first connection was live from about here: what comes between it and the second is not lost, even when nothing came on the first.
const OPEN_OVERLAP_MS = 2000
// A commit has 200 operations at most, and of a repository that a server backfills some hundred rows were seen under one time. Whoever gives a
// position to more has them come again after a reconnect: rather that than memory without a bound.
const MAX_KNOWN = 1000

/** Where the first connection starts when no checkpoint says it: a position, all there is, or `undefined` for the live end. */
export type Start = number | 'oldest' | undefined

export interface ResumeOptions {
  readonly start: Start
  readonly onCursorRefused: OnCursorRefused
}

/** What a connection was asked for, until its first events have shown how it answers. */
interface Ask {
  readonly cursor: number
  /** Who held the event at that position: this run, an earlier one, or nobody. `opened`: it is when we first listened. `oldest`: it is no position. */
  readonly heldBy: 'us' | 'earlier run' | 'nobody' | 'opened' | 'oldest'
  /** Identities of the events that an inclusive cursor repeats. */
  readonly repeats: Set<string>
  answered: boolean
  /** The time of the last event received, where the cursor lies before it to be sure. */
  readonly lastUs: number | undefined
  /** The time of the event that an earlier run had at the cursor; 0 where it is not known. */
  readonly savedUs: number
  /** The server said that it starts later. */
  clamped: boolean
}

/**
 * The resume cursor: where the next connection starts, and which of its first events are repeats. Cursors are inclusive and positions can be
 * shared by many events, so a repeat is known by its identity, never by "time must grow". The repeat is also a free proof: where it does
 * not come, or is another event, the server's log is not the one that gave the cursor.
 */
export class Resume<Event> {
  #start: Start
  #saved: Mark | undefined
  // The last position, in parts: an object for each event would cost as much as the rest of this.
  #host: string | undefined
  #position = 0
  #timeUs = 0
  // What was received at it: how many, the first, and what the others are. The first is kept as it came, since most positions have no other.
  #count = 0
  #first: Event | undefined
  readonly #others = new Set<string>()
  #openedAtUs: number | undefined
  // How often in a row the server's log was behind our cursor.
  #rewinds = 0
  #ask: Ask | undefined
  #filterChanged = false
  #identityOf: (event: Event) => string = String
  #takesTimes = true
  #forgets = false

  constructor(
    private readonly options: ResumeOptions,
    private readonly gaps: Gaps,
    private readonly log: Log = SILENT,
  ) {
    this.#start = options.start
  }

  /** A stored checkpoint wins over the configured start. */
  startFrom(saved: Mark | undefined): void {
    this.#saved = saved
  }

  /** The position of the last event received. */
  get last(): Mark | undefined {
    return this.#host === undefined ? undefined : { host: this.#host, position: this.#position, time_us: this.#timeUs }
  }

  /** How many events came before the last one that share its position. */
  get index(): number {
    return this.#count - 1
  }

  /** The cursor to ask for, or `undefined` for the live end. */
  at(protocol: CursorProtocol<Event>): number | undefined {
    this.#identityOf = protocol.identityOf
    this.#takesTimes = protocol.takesTimes
    this.#forgets = protocol.forgets ?? false
    this.#ask = this.#next(protocol)
    // Under another filter the server need not repeat what we hold.
    if (this.#ask !== undefined && this.#filterChanged) this.#ask.answered = true
    return this.#ask?.cursor
  }

  filterChanged(): void {
    this.#filterChanged = true
  }

  /** The server said that it starts later than asked for. */
  moved(host: string): void {
    const ask = this.#ask
    if (ask === undefined || ask.heldBy === 'oldest') return
    if (ask.lastUs !== undefined) {
      // We asked for more than is missing: the first event shows whether anything is.
      ask.clamped = true
    } else this.#lost(ask, host, 'cursor-too-old')
  }

  /** The server said that its log ends before the cursor, and went live. Throws as {@link admit} does. */
  isAhead(host: string): void {
    const ask = this.#ask
    // After a time nothing came yet, so that live is what was asked for; a number that was given out was taken back.
    // Of a log that has nothing, even the oldest is still to come.
    if (ask !== undefined && ask.heldBy !== 'oldest' && !isTimeCursor(ask.cursor)) this.#wentBack(ask, host, ask.cursor)
  }

  /** A connection opened; `now` in unix milliseconds. */
  opened(now: number): void {
    this.#openedAtUs ??= (now - OPEN_OVERLAP_MS) * 1000
  }

  /** Whether the event is new. Throws {@link Redial} or {@link CursorRefusedError} where the server's log is not ours. */
  admit(event: Event, host: string, position: number, time_us: number): boolean {
    if (this.#ask !== undefined && !this.#check(this.#ask, event, host, position, time_us)) return false
    this.#take(event, position)
    this.#moveTo(host, position, time_us)
    this.#filterChanged = false
    return true
  }

  #take(event: Event, position: number): void {
    if (position !== this.#position || this.#count === 0) {
      if (this.#count > 1) this.#others.clear()
      this.#first = event
      this.#count = 1
      return
    }
    this.#count += 1
    // Those that came first, since a server repeats them first: without them its log would seem another one.
    if (this.#others.size < MAX_KNOWN - 1) this.#others.add(this.#identityOf(event))
  }

  #forget(): void {
    this.#count = 0
    this.#first = undefined
    this.#others.clear()
  }

  /** A frame that could not be read stood at this position all the same. */
  passed(host: string, position: number, time_us: number): void {
    // Inside the overlap of a reconnect it stands before what was received.
    if (this.#host === host && position < this.#position) return
    if (this.#ask?.cursor === position || this.#ask?.cursor === time_us) this.#ask.answered = true
    if (position !== this.#position) this.#forget()
    this.#moveTo(host, position, time_us)
  }

  #moveTo(host: string, position: number, time_us: number): void {
    this.#host = host
    this.#position = position
    this.#timeUs = time_us
  }

  /** The server refused the cursor. Throws where that ends the stream. */
  refused(host: string, message: string, reason: GapReason = 'cursor-too-old'): void {
    const ask = this.#ask
    // Nothing is left to ask for: the server refuses whatever it is.
    if (ask === undefined || ask.heldBy === 'oldest') throw new CursorRefusedError(`${host}: ${message}`)
    this.#lost(ask, host, reason)
    this.#refuse(host, message)
  }

  #lost(ask: Ask, host: string, reason: GapReason): void {
    this.gaps.report({ host, from: ask.cursor, to: undefined, reason, recoverable: false })
    this.#ask = undefined
  }

  #next({ host, oldest, identityOf, takesTimes }: CursorProtocol<Event>): Ask | undefined {
    const known = this.last ?? this.#saved
    if (known === undefined) {
      if (this.#start === 'oldest') return askFor(oldest, 'oldest')
      if (this.#start !== undefined) return askFor(this.#start - rewindUs(this.#rewinds), 'nobody')
      return this.#openedAtUs === undefined || this.#openedAtUs === Number.POSITIVE_INFINITY || !takesTimes
        ? undefined
        : askFor(this.#openedAtUs, 'opened')
    }
    const rewinds = this.#rewinds + (known.host === host ? 0 : 1)
    if (rewinds > 0) return askFor(known.time_us - rewindUs(rewinds), 'nobody', new Set(), known.time_us)
    if (this.#host === undefined) return askFor(known.position, 'earlier run', new Set(), undefined, known.time_us)
    const repeats = new Set(this.#others)
    if (this.#first !== undefined) repeats.add(identityOf(this.#first))
    return askFor(known.position, 'us', repeats)
  }

  #check(ask: Ask, event: Event, host: string, position: number, time_us: number): boolean {
    if (ask.heldBy === 'oldest') return this.#settle()
    const byTime = this.#takesTimes && isTimeCursor(ask.cursor)
    // A host without sequence numbers was asked for one.
    if (this.#takesTimes && !byTime && isTimeCursor(position)) this.#wentBack(ask, host, position)
    const value = byTime ? time_us : position
    if (value < ask.cursor) {
      // A server with sequence numbers finds a time by the segment: what it sends before it is older than asked for. One without has lost it.
      if (byTime && position !== time_us && ask.cursor - value < FAR_US) return false
      this.#wentBack(ask, host, value)
    }
    if (value === ask.cursor) return this.#answer(ask, event, host, value, time_us)
    if (!this.#forgets && isLate(ask, value))
      this.gaps.report({ host, from: ask.cursor, to: value, reason: 'cursor-too-old', recoverable: false })
    return this.#settle()
  }

  /** The server has answered as it was asked. */
  #settle(): true {
    this.#ask = undefined
    this.#rewinds = 0
    return true
  }

  #answer(ask: Ask, event: Event, host: string, value: number, time_us: number): boolean {
    if (ask.heldBy !== 'us') {
      // A store keeps no identity, but the time: what was counted anew has another.
      if (!ask.answered && ask.savedUs > 0 && time_us > 0 && time_us !== ask.savedUs) this.#wentBack(ask, host, value)
      ask.answered = true
      return true
    }
    if (ask.repeats.delete(this.#identityOf(event))) {
      ask.answered = true
      return false
    }
    if (!ask.answered) this.#wentBack(ask, host, value)
    return true
  }

  /** The server cannot serve the cursor: go on as the policy says. Throws under `'fail'`. */
  #refuse(host: string, message: string): void {
    if (this.options.onCursorRefused === 'fail') {
      throw new CursorRefusedError(`${host}: ${message}; choose a newer \`cursor\`, or \`onCursorRefused: 'oldest' | 'live'\``)
    }
    const next = this.options.onCursorRefused === 'oldest' ? 'the oldest event' : 'the live end'
    this.log.warn(`${host}: the position was given up, going on from ${next}: ${message}`)
    this.#start = this.options.onCursorRefused === 'oldest' ? 'oldest' : undefined
    this.#host = undefined
    this.#position = 0
    this.#forget()
    this.#saved = undefined
    this.#rewinds = 0
    // The live end is that of the next connection, not of the first.
    this.#openedAtUs = undefined
  }

  /** The server's log does not hold what we had from it. Ask by time, each time further back; then as the policy says. */
  #wentBack(ask: Ask, host: string, value: number): never {
    if (ask.heldBy === 'opened') {
      this.#openedAtUs = Number.POSITIVE_INFINITY
      throw new Redial(`${host} has nothing as new as our first connection; listening live`)
    }
    if (this.#rewinds === 0) {
      const [from, to] = value < ask.cursor ? [value, ask.cursor] : [ask.cursor, value]
      this.gaps.report({ host, from, to, reason: 'renumbered', recoverable: this.#takesTimes })
    }
    this.#rewinds += 1
    const hasTime = this.#takesTimes && (this.#host !== undefined || this.#saved !== undefined || isTimeCursor(ask.cursor))
    if (this.#rewinds > MAX_REWINDS || !hasTime)
      this.#refuse(
        host,
        `the cursor ${ask.cursor} is not in the server's log${value === ask.cursor ? '' : `, which answered with ${value}`}`,
      )
    throw new Redial(`the log of ${host} does not hold the cursor ${ask.cursor}`)
  }
}

const rewindUs = (times: number): number => (times === 0 ? 0 : REWIND_US * 6 ** (times - 1))

/** Whether the first event, at `value`, begins after what is missing. */
function isLate({ cursor, heldBy, answered, lastUs, clamped }: Ask, value: number): boolean {
  if (heldBy === 'us' || heldBy === 'earlier run') return !answered
  if (clamped) return value > (lastUs ?? cursor)
  return heldBy === 'nobody' && isTimeCursor(cursor) && value - cursor > FAR_US
}

const askFor = (cursor: number, heldBy: Ask['heldBy'], repeats = new Set<string>(), lastUs?: number, savedUs = 0): Ask => ({
  cursor,
  heldBy,
  repeats,
  answered: false,
  lastUs,
  savedUs,
  clamped: false,
})
