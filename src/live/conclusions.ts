import type { GapReason, Gaps } from '../delivery/gaps.js'
import { CursorRefusedError } from '../errors.js'
import type { Log } from '../internal/log.js'
import { positionText } from '../internal/position-text.js'
import { type Answering, judge, type Verdict } from './cursor-answer.js'
import {
  type CursorRequest,
  losePlace,
  type OnCursorRefused,
  provePlace,
} from './cursor-request.js'
import type { CursorRequests } from './cursor-requests.js'
import { Losses } from './losses.js'
import { AskAgain, type CursorProtocol, isTimeCursor } from './protocol.js'
import type { Received } from './received.js'

// Each time the log goes back again, so do we, further: 10 s, 1 min, 6 min, 36 min.
const MAX_REWINDS = 4

/** How to go on when a position is lost, and where that is told. */
export interface ConclusionsOptions {
  readonly onCursorRefused: OnCursorRefused
  readonly gaps: Gaps
  readonly log: Log
  /** Our clock, in unix milliseconds. */
  readonly now: () => number
}

/** Draws the conclusions from what a server answers: asks again, or reports a loss. */
export class Conclusions<Event> {
  #server: Answering<Event> & Pick<CursorProtocol<Event>, 'floorOf' | 'exact'>
  readonly losses: Losses

  constructor(
    private readonly options: ConclusionsOptions,
    private readonly received: Received<Event>,
    private readonly requests: CursorRequests<Event>,
  ) {
    this.losses = new Losses(options.onCursorRefused, options.gaps, received)
    this.#server = {
      takesTimes: true,
      forgets: false,
      tellsFloor: false,
      exact: false,
      identityOf: String,
      now: options.now,
    }
  }

  /** From now on `protocol` is spoken. */
  dial(protocol: CursorProtocol<Event>): void {
    const { forgets = false, tellsFloor = false, exact = false } = protocol
    // What was doubted of a log is settled by what is read exactly.
    if (exact) this.requests.settle()
    this.#server = { ...protocol, forgets, tellsFloor, exact, now: this.options.now }
  }

  /** The server said that it starts later than asked for. Throws as {@link isNew} does. */
  onCursorTooOld(host: string, message: string): void {
    const request = this.requests.current
    switch (request?.question) {
      case 'rewind':
      case 'trial':
        // We asked for more than is missing: the first event shows whether anything is.
        request.isClamped = true
        return
      case 'oldest':
        this.losses.sinceReport(host, this.#server.floorOf?.(message) ?? 0)
        return
      case 'start':
      case 'repeat':
        this.#tooOld(request, host, message)
    }
  }

  #tooOld(request: CursorRequest, host: string, message: string): void {
    // A server without times says this of a repeat that is too old, also where nothing came
    // after it.
    if (this.#isRepeatAlone(request)) {
      this.requests.inquire('after')
      throw new AskAgain(
        `${host} does not hold the event at ${request.cursor}; asking for what comes after it`,
      )
    }
    this.losses.tooOld(
      host,
      request.held.position || request.cursor,
      isTimeCursor(request.cursor) ? undefined : this.#server.floorOf?.(message),
      'cursor-too-old',
    )
    this.requests.current = undefined
    const reason = message || 'the position is too old'
    // It goes on with the oldest event by itself.
    if (this.options.onCursorRefused === 'oldest') this.#warn(host, reason, 'oldest')
    else this.#giveUp(host, reason, 'cursor-too-old')
  }

  /** What a stored position stands for may not be done with: it cannot be done without. */
  #isRepeatAlone({ question, held }: CursorRequest): boolean {
    return question === 'repeat' && held.knownFrom === 'this run' && !this.#server.takesTimes
  }

  /**
   * The server said that its log ends before the cursor, and went live. Throws as {@link isNew}
   * does.
   */
  onFutureCursor(host: string): void {
    const request = this.requests.current
    if (request?.goesOn) losePlace(request, host)
    // After a time nothing came yet, so that live is what was asked for; a number that was given
    // out was taken back. Of a log that has nothing, even the oldest is still to come.
    const isNumber = request?.question === 'start' || request?.question === 'repeat'
    if (request !== undefined && isNumber && !isTimeCursor(request.cursor))
      this.#wentBack(request, 'renumbered', host, request.cursor)
  }

  /** The server refused the cursor. Throws where that ends the stream. */
  onRefused(host: string, message: string, reason: GapReason): void {
    const request = this.requests.current
    if (request?.goesOn) {
      // The row that came last is gone. The question itself is not refused.
      request.cameTo = 0
      return
    }
    // Nothing is left to ask for: the server refuses whatever it is.
    if (request === undefined || request.question === 'oldest')
      throw new CursorRefusedError(`${host}: ${message}`)
    this.losses.tooOld(host, request.cursor, this.#server.floorOf?.(message), reason)
    this.requests.current = undefined
    this.#abandon(host, message, reason)
  }

  // --- What an event shows ---

  /**
   * Whether an event is new (`undefined`: a frame that could not be read). Throws {@link AskAgain}
   * or {@link CursorRefusedError} where the server's log is not ours.
   */
  isNew(
    request: CursorRequest,
    event: Event | undefined,
    host: string,
    position: number,
    time_us: number,
  ): boolean {
    if (this.#server.exact)
      return this.received.host === host && position <= this.received.position
        ? false
        : this.#settle(host)
    if (request.goesOn) provePlace(request, host, position, time_us, this.options.now())
    const verdict = judge(request, event, position, time_us, this.#server)
    switch (verdict) {
      case 'new':
        return this.#settle(host)
      case 'more':
        return true
      case 'repeat':
      case 'older':
        if (request.question !== 'repeat') {
          request.cameTo = position
          request.cameToUs = time_us
        }
        return false
      default:
        return this.#conclude(verdict, request, host, position, time_us)
    }
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
        this.losses.renumbered(host, request.held.position, position, this.#server.takesTimes)
        return this.#settle(host)
      case 'clock-unproven':
        this.options.gaps.report({
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
        this.requests.inquire('trial')
        throw new AskAgain(`${host} does not repeat the event at ${cursor}; asking from before it`)
      case 'where-is-the-floor':
        this.requests.inquire('floor', request)
        throw new AskAgain(
          `${host} answers ${cursor} with a later event; asking where its log begins`,
        )
      case 'reaches-back':
        this.requests.askDoubtedAgain()
        throw new AskAgain(`the log of ${host} reaches back far enough; asking again`)
      case 'gone':
        return this.#gone(request, host, position, time_us)
      case 'clock-ahead':
        return this.#correctClock(host, time_us)
      case 'nothing-newer':
        this.requests.listenLive()
        throw new AskAgain(`${host} has nothing as new as our first connection; listening live`)
    }
  }

  /** The server has answered as it was asked. */
  #settle(host: string): true {
    if (this.received.host !== host) this.received.forgetAnchors()
    this.losses.settle()
    this.requests.settle()
    return true
  }

  #gone(request: CursorRequest, host: string, position: number, time_us: number): never {
    const { needs } = request
    // A log that was made anew has lower numbers, between which nothing lies.
    const isNumber =
      needs.position > 0 && !isTimeCursor(needs.position) && position > needs.position
    const [from, to] = isNumber ? [needs.position, position] : [needs.time_us, time_us]
    if (!isNumber && !this.#server.takesTimes)
      this.losses.renumbered(host, position, needs.position, this.#server.takesTimes)
    else if (this.requests.rewinds === 0 || !this.losses.isReported)
      this.losses.tooOld(host, from, to, 'cursor-too-old')
    return this.#giveUp(
      host,
      `its log begins at ${positionText(to)}, after ${positionText(from)}`,
      'cursor-too-old',
    )
  }

  #aheadUs(time_us: number): number {
    return Math.round(this.options.now() * 1000 - time_us)
  }

  #correctClock(host: string, time_us: number): never {
    const aheadUs = this.#aheadUs(time_us)
    this.requests.correctClock(aheadUs)
    const ahead = `${Math.round(aheadUs / 1_000_000)} s`
    throw new AskAgain(`our clock is up to ${ahead} ahead of that of ${host}; asking from earlier`)
  }

  /**
   * The server's log does not hold what we had from it. Asks by time, each time further back; then
   * goes on as the policy says.
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
    if (!isBehind) this.losses.renumbered(host, value, ours, this.#server.takesTimes)
    if (!isBehind) this.requests.inquire('none')
    this.requests.rewind()
    const hasTime = this.#server.takesTimes && (request.held.time_us > 0 || isTimeCursor(cursor))
    const isTrialBehind = isBehind && question === 'trial'
    if (this.requests.rewinds >= MAX_REWINDS + (isTrialBehind ? 0 : 1) || !hasTime) {
      if (isBehind) this.losses.renumbered(host, value, ours, this.#server.takesTimes)
      const answer = value === cursor ? '' : `, which answered with ${value}`
      this.#abandon(host, `the cursor ${cursor} is not in the server's log${answer}`, 'renumbered')
    }
    throw new AskAgain(`the log of ${host} does not hold the cursor ${cursor}; asking by time`)
  }

  // --- What is lost ---

  #giveUp(host: string, message: string, reason: GapReason): never {
    this.#abandon(host, message, reason)
    throw new AskAgain(`${host}: ${message}`)
  }

  /** The server cannot serve the cursor: goes on as the policy says. Throws under `'fail'`. */
  #abandon(host: string, message: string, reason: GapReason): void {
    const { onCursorRefused } = this.options
    if (onCursorRefused === 'fail') {
      const other = reason === 'renumbered' ? 'an older' : 'a newer'
      const remedy = `choose ${other} \`cursor\`, or \`onCursorRefused: 'oldest' | 'live'\``
      throw new CursorRefusedError(`${host}: ${message}; ${remedy}`)
    }
    this.#warn(host, message, onCursorRefused)
    this.received.giveUp()
    this.requests.giveUp(onCursorRefused === 'oldest' ? 'oldest' : undefined)
  }

  #warn(host: string, message: string, from: 'oldest' | 'live'): void {
    const next = from === 'oldest' ? 'the oldest event' : 'the live end'
    this.options.log.warn(`${host}: the position was given up, going on from ${next}: ${message}`)
  }
}
