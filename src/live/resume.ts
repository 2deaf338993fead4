import { asyncScheduler } from 'rxjs'
import type { GapReason, Gaps } from '../delivery/gaps.js'
import type { Position } from '../delivery/position.js'
import { CursorRefusedError } from '../errors.js'
import { type Log, SILENT } from '../internal/log.js'
import { type Answering, judge, OPEN_OVERLAP_MS, type Verdict } from './cursor-answer.js'
import {
  type CursorRequest,
  cursorRequest,
  type Floor,
  type Held,
  NOTHING_HELD,
} from './cursor-request.js'
import { AskAgain, type CursorProtocol, isTimeCursor } from './protocol.js'

/**
 * What to do when a server cannot serve the position asked for: end the stream, or go on from
 * another place, with a gap.
 */
export type OnCursorRefused = 'fail' | 'oldest' | 'live'

// A position of another host, or of a log that was renumbered, is good by its time alone, and no
// two clocks are the same.
const REWIND_US = 10_000_000
// Each time the log goes back again, so do we, further: 10 s, 1 min, 6 min, 36 min.
const MAX_REWINDS = 4
// Some older positions prove that a legacy server's log is still the same. They are so far apart
// that a server that is killed hard does not lose all of them with its unsynced end.
const ANCHOR_EVERY_US = 10_000_000
const MAX_ANCHORS = 4
// A time that is so much later than the one before may be a wrong one.
const JUMP_US = 60_000_000
// Some servers put a few hundred backfilled rows at one time. We remember at most 1,000 identities
// for one position; events beyond that are delivered again after a reconnect, so memory stays
// bounded.
const MAX_KNOWN = 1000

/**
 * Where the first connection starts when no checkpoint says it: a position, all there is, or
 * `undefined` for the live end.
 */
export type Start = number | 'oldest' | undefined

export interface ResumeOptions {
  readonly start: Start
  readonly onCursorRefused: OnCursorRefused
  /** Unix milliseconds. @default RxJS's clock, which is virtual in specs */
  readonly now?: () => number
}

/**
 * What is asked next, while the server's log is in doubt. `after`: what comes after the held event,
 * and not its repeat.
 */
type Inquiry = 'none' | 'trial' | 'floor' | 'after'

/**
 * The resume cursor: where the next connection starts, and which of its first events are repeats.
 * Cursors are inclusive and many events can share a position, so a repeat is recognised by its
 * identity, never by "time must grow". The repeat is also a free proof: where it does not come, or
 * is another event, the log may not be the one that gave the cursor. {@link judge} holds the rules.
 */
export class Resume<Event> {
  #start: Start
  #saved: Position | undefined
  // The last position, in parts: an object for each event would cost as much as the rest of this.
  #host: string | undefined
  #position = 0
  #timeUs = 0
  // What was received at it: how many, the first, and what the others are. The first is kept as it
  // came, since most positions have no other.
  #count = 0
  #first: Event | undefined
  readonly #others = new Set<string>()
  // Older positions, oldest first, and the time of the newest.
  #anchors: number[] = []
  #anchorUs = Number.NEGATIVE_INFINITY
  // The last position before the time jumped.
  #beforeJump: Floor | undefined
  // The furthest that any connection has come, and since the position was last given up. The log
  // that is read after that may be a new one, where the replay itself is progress.
  #furthest = NOWHERE
  #furthestSince = NOWHERE
  #advances = 0
  #advancesAtDial = 0
  // How far the stream had come when a renumbered log was reported.
  #advancesAtReport = -1
  #openedAtUs: number | undefined
  #isClockChecked = false
  // How often in a row the server's log was behind our cursor.
  #rewinds = 0
  #inquiry: Inquiry = 'none'
  #inquiryHost: string | undefined
  #reachesBack = false
  // The request that led to the question where the log begins.
  #doubted: CursorRequest | undefined
  // How far a trial came whose connection ended before it was decided.
  #tried: Pick<CursorRequest, 'cursor' | 'saw'> | undefined
  #request: CursorRequest | undefined
  #isFilterChanged = false
  #answering: Answering<Event> & Pick<CursorProtocol<Event>, 'floorOf'>
  readonly #now: () => number

  constructor(
    private readonly options: ResumeOptions,
    private readonly gaps: Gaps,
    private readonly log: Log = SILENT,
  ) {
    this.#start = options.start
    this.#now = options.now ?? (() => asyncScheduler.now())
    this.#answering = {
      takesTimes: true,
      forgets: false,
      tellsFloor: false,
      identityOf: String,
      now: this.#now,
    }
  }

  /** A stored checkpoint wins over the configured start. */
  startFrom(saved: Position | undefined): void {
    this.#saved = saved
    if (saved !== undefined) this.#furthest = saved
  }

  /** The position of the last event received. */
  get last(): Position | undefined {
    return this.#host === undefined
      ? undefined
      : { host: this.#host, position: this.#position, time_us: this.#timeUs }
  }

  /** How many events came before the last one that share its position. */
  get index(): number {
    return this.#count - 1
  }

  /** Whether the next connection is asked for the first row of the log, whatever the filter. */
  get asksForFloor(): boolean {
    return this.#request?.question === 'floor'
  }

  /** The cursor to ask for, or `undefined` for the live end. */
  at(protocol: CursorProtocol<Event>): number | undefined {
    const { takesTimes, forgets = false, tellsFloor = false, identityOf, floorOf } = protocol
    this.#answering = {
      takesTimes,
      forgets,
      tellsFloor,
      identityOf,
      now: this.#now,
      ...(floorOf && { floorOf }),
    }
    this.#advance()
    this.#advancesAtDial = this.#advances
    if (this.#inquiryHost !== protocol.host) this.#inquire('none')
    this.#inquiryHost = protocol.host
    this.#request = this.#next(protocol)
    return this.#request?.cursor
  }

  /**
   * The filter changes with the next dial, or has changed on the open connection. It explains no
   * repeat that does not come: the server may have lost its log meanwhile.
   */
  filterChanged(): void {
    this.#isFilterChanged = true
  }

  /** Whether this connection went past all that came before it. */
  hasAdvanced(): boolean {
    this.#advance()
    return this.#advances > this.#advancesAtDial
  }

  /** The server said that it starts later than asked for. Throws as {@link onEvent} does. */
  onCursorTooOld(host: string, message: string): void {
    const request = this.#request
    if (request === undefined) return
    switch (request.question) {
      case 'rewind':
      case 'trial':
        // We asked for more than is missing: the first event shows whether anything is.
        request.isClamped = true
        return
      case 'start':
      case 'repeat':
        // A server without times says this of a repeat that is too old, also where nothing came
        // after it.
        if (this.#isRepeatAlone(request)) {
          this.#inquire('after')
          throw new AskAgain(
            `${host} does not hold the event at ${request.cursor}; asking for what comes after it`,
          )
        }
        this.#reportLoss(
          host,
          request.held.position || request.cursor,
          isTimeCursor(request.cursor) ? undefined : this.#answering.floorOf?.(message),
          'cursor-too-old',
        )
        this.#request = undefined
        // It goes on with the oldest event by itself.
        if (this.options.onCursorRefused !== 'oldest')
          this.#giveUp(host, message || 'the position is too old', 'cursor-too-old')
    }
  }

  /** What a stored position stands for may not be done with: it cannot be done without. */
  #isRepeatAlone({ question, held }: CursorRequest): boolean {
    return question === 'repeat' && held.knownFrom === 'this run' && !this.#answering.takesTimes
  }

  /**
   * The server said that its log ends before the cursor, and went live. Throws as {@link onEvent}
   * does.
   */
  onFutureCursor(host: string): void {
    const request = this.#request
    // After a time nothing came yet, so that live is what was asked for; a number that was given
    // out was taken back. Of a log that has nothing, even the oldest is still to come.
    const isNumber = request?.question === 'start' || request?.question === 'repeat'
    if (request !== undefined && isNumber && !isTimeCursor(request.cursor))
      this.#wentBack(request, 'renumbered', host, request.cursor)
  }

  /** A connection opened. */
  opened(): void {
    this.#openedAtUs ??= (this.#now() - OPEN_OVERLAP_MS) * 1000
  }

  /**
   * Whether the event is new. Throws {@link AskAgain} or {@link CursorRefusedError} where the
   * server's log is not ours.
   */
  onEvent(event: Event, host: string, position: number, time_us: number): boolean {
    if (this.#request !== undefined && !this.#isNew(this.#request, event, host, position, time_us))
      return false
    this.#recordReceived(event, position)
    this.#moveTo(host, position, time_us)
    return true
  }

  /**
   * A frame that could not be read stood at this position all the same. Throws as {@link onEvent}
   * does.
   */
  onReject(host: string, position: number, time_us: number): void {
    // Inside the overlap of a reconnect it stands before what was received.
    if (this.#host === host && position < this.#position) return
    const request = this.#request
    if (request !== undefined && (request.cursor === position || request.cursor === time_us))
      request.answered = true
    else if (request !== undefined && !this.#isNew(request, undefined, host, position, time_us))
      return
    if (position !== this.#position) this.#forget()
    this.#moveTo(host, position, time_us)
  }

  /** The server refused the cursor. Throws where that ends the stream. */
  onRefused(host: string, message: string, reason: GapReason = 'cursor-too-old'): void {
    const request = this.#request
    // Nothing is left to ask for: the server refuses whatever it is.
    if (request === undefined || request.question === 'oldest')
      throw new CursorRefusedError(`${host}: ${message}`)
    this.#reportLoss(host, request.cursor, this.#answering.floorOf?.(message), reason)
    this.#request = undefined
    this.#abandon(host, message, reason)
  }

  // --- What was received ---

  #recordReceived(event: Event, position: number): void {
    if (position !== this.#position || this.#count === 0) {
      if (this.#count > 1) this.#others.clear()
      this.#first = event
      this.#count = 1
      return
    }
    this.#count += 1
    // Those that came first, since a server repeats them first: without them its log would seem
    // another one.
    if (this.#others.size < MAX_KNOWN - 1) this.#others.add(this.#answering.identityOf(event))
  }

  #forget(): void {
    this.#count = 0
    this.#first = undefined
    this.#others.clear()
  }

  #moveTo(host: string, position: number, time_us: number): void {
    const sinceUs = time_us - this.#anchorUs
    if (sinceUs >= ANCHOR_EVERY_US || sinceUs < -ANCHOR_EVERY_US)
      this.#dropAnchor(position, time_us)
    this.#host = host
    this.#position = position
    this.#timeUs = time_us
    if (this.#isFilterChanged) this.#isFilterChanged = false
  }

  /** At most once in ten seconds of the stream's time. */
  #dropAnchor(position: number, time_us: number): void {
    const jumps = this.#host !== undefined && time_us - this.#timeUs >= JUMP_US
    this.#beforeJump = jumps ? { position: this.#position, time_us: this.#timeUs } : undefined
    if (time_us < this.#anchorUs) this.#anchors = []
    this.#anchors.push(position)
    if (this.#anchors.length > MAX_ANCHORS) this.#anchors.shift()
    this.#anchorUs = time_us
  }

  #forgetAnchors(): void {
    this.#anchors = []
    this.#anchorUs = Number.NEGATIVE_INFINITY
    this.#beforeJump = undefined
  }

  /** Where the stream stood before its last event's time jumped, if it did. */
  get #plausible(): Floor | undefined {
    const before = this.#beforeJump
    return before !== undefined && this.#timeUs - before.time_us >= JUMP_US ? before : undefined
  }

  #advance(): void {
    if (this.#host === undefined) return
    this.#furthestSince = this.#furthestOf(this.#furthestSince)
    const furthest = this.#furthestOf(this.#furthest)
    if (furthest === this.#furthest) return
    this.#furthest = furthest
    this.#advances += 1
  }

  #furthestOf(before: Floor): Floor {
    if (this.#position <= before.position && this.#timeUs <= before.time_us) return before
    return {
      position: Math.max(before.position, this.#position),
      time_us: Math.max(before.time_us, this.#timeUs),
    }
  }

  // --- What is asked ---

  #next(protocol: CursorProtocol<Event>): CursorRequest | undefined {
    const { host, oldest } = protocol
    if (this.#inquiry === 'floor' && this.#doubted !== undefined)
      return { ...this.#doubted, question: 'floor', cursor: oldest }
    const known = this.last ?? this.#saved
    if (known === undefined) return this.#startRequest(protocol)
    if (this.#inquiry === 'after') {
      const held = this.#held(known, 'position')
      return cursorRequest('start', held.position + 1, { held, reachesBack: true })
    }
    const rewinds = this.#rewinds + (known.host === host ? 0 : 1)
    const held = this.#held(known, this.#inquiry === 'none' && rewinds === 0 ? 'position' : 'time')
    if (this.#inquiry === 'trial') return this.#trial(held)
    const shared = { held, reachesBack: this.#reachesBack }
    if (rewinds === 0) return cursorRequest('repeat', held.position, { ...shared, needs: held })
    return cursorRequest('rewind', held.time_us - rewindUs(rewinds), {
      ...shared,
      needs: { position: 0, time_us: held.time_us },
    })
  }

  #startRequest({ oldest, takesTimes }: CursorProtocol<Event>): CursorRequest | undefined {
    const start = this.#start
    if (start === 'oldest') return cursorRequest('oldest', oldest)
    if (start !== undefined) {
      const cursor = start - rewindUs(this.#rewinds)
      const needs = isTimeCursor(cursor)
        ? { position: 0, time_us: cursor }
        : { position: cursor, time_us: 0 }
      return start <= 0
        ? cursorRequest('oldest', oldest)
        : cursorRequest('start', cursor, { reachesBack: this.#reachesBack, needs })
    }
    if (
      this.#openedAtUs === undefined ||
      this.#openedAtUs === Number.POSITIVE_INFINITY ||
      !takesTimes
    )
      return undefined
    return cursorRequest('opened', this.#openedAtUs, { reachesBack: this.#isClockChecked })
  }

  #trial(held: Held): CursorRequest {
    // A position that we hold is better proof than a time, and can be asked for where positions are
    // times.
    const anchor = isTimeCursor(held.position) && this.#rewinds === 0 ? held.anchors[0] : undefined
    const asked = {
      cursor: anchor ?? held.time_us - rewindUs(this.#rewinds + 1),
      saw: 'nothing' as const,
    }
    // Where connections are short, a trial that began again each time would never end.
    const { cursor, saw } = this.#tried ?? asked
    return cursorRequest('trial', cursor, {
      held,
      needs: held,
      reachesBack: this.#reachesBack,
      saw,
    })
  }

  /** `askedBy`: a time that jumped is a good position still, and no good time. */
  #held(known: Position, askedBy: 'position' | 'time'): Held {
    const isFilterChanged = this.#isFilterChanged
    if (this.#host === undefined)
      return { ...NOTHING_HELD, repeats: new Set(), ...known, isFilterChanged }
    const repeats = new Set(this.#others)
    if (this.#first !== undefined) repeats.add(this.#answering.identityOf(this.#first))
    const anchors = this.#anchors.filter((anchor) => anchor < known.position)
    const held: Held = { ...known, knownFrom: 'this run', repeats, anchors, isFilterChanged }
    const plausible = askedBy === 'time' ? this.#plausible : undefined
    if (plausible === undefined) return held
    this.#furthest = plausible
    const { position, time_us } = plausible
    return isTimeCursor(known.position)
      ? { ...held, position, time_us, anchors: [position] }
      : { ...held, time_us }
  }

  // --- What the answer shows ---

  #isNew(
    request: CursorRequest,
    event: Event | undefined,
    host: string,
    position: number,
    time_us: number,
  ): boolean {
    const verdict = judge(request, event, position, time_us, this.#answering)
    switch (verdict) {
      case 'new':
        return this.#settle(host)
      case 'more':
        return true
      case 'repeat':
      case 'older':
        if (request.question === 'trial') this.#recordTried(request, verdict, time_us)
        return false
      default:
        return this.#conclude(verdict, request, host, position, time_us)
    }
  }

  /** A repeat may have come out of order: its time is no place to go on from. */
  #recordTried({ cursor, saw }: CursorRequest, verdict: 'repeat' | 'older', time_us: number): void {
    const reached = this.#tried?.cursor ?? cursor
    this.#tried = { cursor: verdict === 'older' ? Math.max(reached, time_us) : reached, saw }
  }

  /** The rare verdicts: those that ask again, or report a loss. */
  #conclude(
    verdict: Exclude<Verdict, 'new' | 'more' | 'repeat' | 'older'>,
    request: CursorRequest,
    host: string,
    position: number,
    time_us: number,
  ): boolean {
    const { cursor } = request
    switch (verdict) {
      case 'renumbered-here':
        this.#reportRenumbered(host, request.held.position, position)
        return this.#settle(host)
      case 'clock-unproven':
        this.gaps.report({
          host,
          from: cursor - this.#aheadUs(time_us),
          to: cursor,
          reason: 'cursor-too-old',
          recoverable: true,
        })
        return this.#settle(host)
      case 'renumbered':
      case 'further-back':
        return this.#wentBack(request, verdict, host, isTimeCursor(cursor) ? time_us : position)
      case 'doubtful':
        this.#inquire('trial')
        throw new AskAgain(`${host} does not repeat the event at ${cursor}; asking from before it`)
      case 'where-is-the-floor':
        this.#inquire('floor', request)
        throw new AskAgain(
          `${host} answers ${cursor} with a later event; asking where its log begins`,
        )
      case 'reaches-back':
        return this.#reached(host)
      case 'gone':
        return this.#gone(request, host, position, time_us)
      case 'clock-ahead':
        return this.#correctClock(host, time_us)
      case 'nothing-newer':
        this.#openedAtUs = Number.POSITIVE_INFINITY
        throw new AskAgain(`${host} has nothing as new as our first connection; listening live`)
    }
  }

  /** The server has answered as it was asked. */
  #settle(host: string): true {
    if (this.#host !== host) this.#forgetAnchors()
    this.#request = undefined
    this.#rewinds = 0
    this.#inquire('none')
    return true
  }

  #inquire(inquiry: Inquiry, doubted?: CursorRequest): void {
    this.#inquiry = inquiry
    this.#doubted = doubted
    if (inquiry === 'none') this.#reachesBack = false
    this.#tried = undefined
  }

  #reached(host: string): never {
    const inquiry = this.#doubted?.question === 'trial' ? 'trial' : 'none'
    this.#inquire(inquiry)
    this.#reachesBack = true
    throw new AskAgain(`the log of ${host} reaches back far enough; asking again`)
  }

  #gone(request: CursorRequest, host: string, position: number, time_us: number): never {
    const { needs } = request
    // A log that was made anew has lower numbers, between which nothing lies.
    const isNumber =
      needs.position > 0 && !isTimeCursor(needs.position) && position > needs.position
    const [from, to] = isNumber ? [needs.position, position] : [needs.time_us, time_us]
    if (this.#rewinds === 0 || !this.#isReported) this.#reportLoss(host, from, to, 'cursor-too-old')
    return this.#giveUp(
      host,
      `the position ${from} is older than the server's log, which begins at ${to}`,
      'cursor-too-old',
    )
  }

  #aheadUs(time_us: number): number {
    return Math.round(this.#now() * 1000 - time_us)
  }

  #correctClock(host: string, time_us: number): never {
    const aheadUs = this.#aheadUs(time_us)
    this.#openedAtUs = (this.#openedAtUs ?? 0) - aheadUs
    this.#isClockChecked = true
    throw new AskAgain(
      `our clock is up to ${Math.round(aheadUs / 1_000_000)} s ahead of that of ${host}; asking from earlier`,
    )
  }

  /**
   * The server's log does not hold what we had from it. Ask by time, each time further back; then
   * as the policy says.
   */
  #wentBack(
    request: CursorRequest,
    verdict: 'renumbered' | 'further-back',
    host: string,
    value: number,
  ): never {
    const { cursor, question } = request
    const ours = question === 'trial' ? request.held.position : cursor
    // Nothing is missing yet where a server is only behind, or has lost what it sends again.
    const isBehind = verdict === 'further-back'
    if (!isBehind) this.#reportRenumbered(host, value, ours)
    if (!isBehind) this.#inquire('none')
    this.#rewinds += 1
    this.#tried = undefined
    const hasTime = this.#answering.takesTimes && (request.held.time_us > 0 || isTimeCursor(cursor))
    if (this.#rewinds >= MAX_REWINDS + (isBehind && question === 'trial' ? 0 : 1) || !hasTime) {
      if (isBehind) this.#reportRenumbered(host, value, ours)
      const answer = value === cursor ? '' : `, which answered with ${value}`
      this.#abandon(host, `the cursor ${cursor} is not in the server's log${answer}`, 'renumbered')
    }
    throw new AskAgain(`the log of ${host} does not hold the cursor ${cursor}; asking by time`)
  }

  // --- What is lost ---

  /** Whether a renumbered log was reported, and the stream has not gone on since. */
  get #isReported(): boolean {
    this.#advance()
    return this.#advancesAtReport === this.#advances
  }

  /** Once, until the stream has gone on: a server that always answers the same is one loss. */
  #reportRenumbered(host: string, one: number, other: number): void {
    if (this.#isReported) return
    this.#advancesAtReport = this.#advances
    const [from, to] = one < other ? [one, other] : [other, one]
    this.gaps.report({
      host,
      from,
      to,
      reason: 'renumbered',
      recoverable: this.#answering.takesTimes,
    })
  }

  #reportLoss(host: string, from: number, to: number | undefined, reason: GapReason): void {
    this.gaps.report({ host, from, to, reason, recoverable: false })
  }

  #giveUp(host: string, message: string, reason: GapReason): never {
    this.#abandon(host, message, reason)
    throw new AskAgain(`${host}: ${message}`)
  }

  /** The server cannot serve the cursor: go on as the policy says. Throws under `'fail'`. */
  #abandon(host: string, message: string, reason: GapReason): void {
    const { onCursorRefused } = this.options
    if (onCursorRefused === 'fail') {
      const other = reason === 'renumbered' ? 'an older' : 'a newer'
      throw new CursorRefusedError(
        `${host}: ${message}; choose ${other} \`cursor\`, or \`onCursorRefused: 'oldest' | 'live'\``,
      )
    }
    const next = onCursorRefused === 'oldest' ? 'the oldest event' : 'the live end'
    this.log.warn(`${host}: the position was given up, going on from ${next}: ${message}`)
    this.#start = onCursorRefused === 'oldest' ? 'oldest' : undefined
    this.#advance()
    // Not to nowhere: the same few events, again and again, are progress once.
    this.#furthest = this.#furthestSince
    this.#furthestSince = NOWHERE
    this.#host = undefined
    this.#position = 0
    this.#timeUs = 0
    this.#forget()
    this.#forgetAnchors()
    this.#saved = undefined
    this.#rewinds = 0
    this.#inquire('none')
    // The live end is that of the next connection, not of the first.
    this.#openedAtUs = undefined
    this.#isClockChecked = false
  }
}

const NOWHERE: Floor = { position: 0, time_us: 0 }

const rewindUs = (times: number): number => (times === 0 ? 0 : REWIND_US * 6 ** (times - 1))
