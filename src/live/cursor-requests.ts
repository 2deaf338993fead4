import type { Position } from '../delivery/position.js'
import { OPEN_OVERLAP_MS } from './cursor-answer.js'
import { type CursorRequest, cursorRequest, goOn, type Held, type Start } from './cursor-request.js'
import { type CursorProtocol, isTimeCursor } from './protocol.js'
import type { Received } from './received.js'
import { REWIND_US } from './way-back.js'

/**
 * What is asked next, while the server's log is in doubt. `after`: what comes after the held event,
 * and not its repeat.
 */
type Inquiry = 'none' | 'trial' | 'floor' | 'after'

/** Decides what each connection asks for. */
export class CursorRequests<Event> {
  /** What the open connection was asked for, until its first events have answered that. */
  current: CursorRequest | undefined
  #start: Start
  #saved: Position | undefined
  #openedAtUs: number | undefined
  #isClockChecked = false
  // How often in a row the server's log was behind our cursor.
  #rewinds = 0
  #inquiry: Inquiry = 'none'
  #inquiryHost: string | undefined
  #reachesBack = false
  // The request that led to the question where the log begins.
  #doubted: CursorRequest | undefined

  constructor(
    start: Start,
    private readonly received: Received<Event>,
  ) {
    this.#start = start
  }

  get rewinds(): number {
    return this.#rewinds
  }

  /** A stored checkpoint wins over the configured start. */
  startFrom(saved: Position | undefined): void {
    this.#saved = saved
    if (saved !== undefined) this.received.startFrom(saved)
  }

  /** All that the server holds is read, whatever was configured. */
  startOver(): void {
    this.#start = 'oldest'
  }

  /** Whether a position is known, of this run or a stored one. */
  get hasPosition(): boolean {
    return (this.received.last ?? this.#saved) !== undefined
  }

  /** Whether all that there is is asked for. */
  get isAll(): boolean {
    return !this.hasPosition && (this.#start === 'oldest' || Number(this.#start) <= 0)
  }

  /** Whether a connection begins anywhere but at the live end. */
  get looksBack(): boolean {
    return this.hasPosition || this.#start !== undefined
  }

  /** The cursor to ask for, or `undefined` for the live end. */
  cursorFor(protocol: CursorProtocol<Event>): number | undefined {
    if (this.#inquiryHost !== protocol.host) {
      this.inquire('none')
      this.current = undefined
    }
    this.#inquiryHost = protocol.host
    const next = this.#next(protocol)
    this.current = next && goOn(next, this.current)
    return this.current?.goesOn ? this.current.cameTo : this.current?.cursor
  }

  #next(protocol: CursorProtocol<Event>): CursorRequest | undefined {
    const { host, oldest, identityOf } = protocol
    if (this.#inquiry === 'floor' && this.#doubted !== undefined)
      return { ...this.#doubted, question: 'floor', cursor: oldest, cameTo: 0 }
    const known = this.received.last ?? this.#saved
    if (known === undefined) return this.#startRequest(protocol)
    if (this.#inquiry === 'after') {
      const held = this.received.held(known, 'position', identityOf)
      return cursorRequest('start', held.position + 1, { held, reachesBack: true })
    }
    const rewinds = this.#rewinds + (known.host === host ? 0 : 1)
    const askedBy = this.#inquiry === 'none' && rewinds === 0 ? 'position' : 'time'
    const held = this.received.held(known, askedBy, identityOf)
    if (this.#inquiry === 'trial') return this.#trial(held)
    const shared = { held, reachesBack: this.#reachesBack }
    if (rewinds === 0) return cursorRequest('repeat', held.position, { ...shared, needs: held })
    // A position that was passed without an event may have no time: then all there is.
    const cursor = Math.max(oldest, held.time_us - rewindUs(rewinds))
    return cursorRequest('rewind', cursor, {
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
    const cursor = anchor ?? held.time_us - rewindUs(this.#rewinds + 1)
    return cursorRequest('trial', cursor, { held, needs: held, reachesBack: this.#reachesBack })
  }

  // --- What an answer changes ---

  /** A connection opened. */
  opened(nowMs: number): void {
    this.#openedAtUs ??= (nowMs - OPEN_OVERLAP_MS) * 1000
  }

  /** The server has answered as it was asked. */
  settle(): void {
    this.current = undefined
    this.#rewinds = 0
    this.inquire('none')
  }

  inquire(inquiry: Inquiry, doubted?: CursorRequest): void {
    this.#inquiry = inquiry
    this.#doubted = doubted
    if (inquiry === 'none') this.#reachesBack = false
  }

  /** The log reaches back to what was doubted, which is asked again. */
  askDoubtedAgain(): void {
    this.inquire(this.#doubted?.question === 'trial' ? 'trial' : 'none')
    this.#reachesBack = true
  }

  /** Asks by time, further back than the last time. */
  rewind(): void {
    this.#rewinds += 1
  }

  /** Our clock is ahead of the server's. */
  correctClock(aheadUs: number): void {
    this.#openedAtUs = (this.#openedAtUs ?? 0) - aheadUs
    this.#isClockChecked = true
  }

  /** Nothing as new as the first connection is there: asks for the live end from now on. */
  listenLive(): void {
    this.#openedAtUs = Number.POSITIVE_INFINITY
  }

  /** The position is given up: begins at `start`. */
  giveUp(start: Start): void {
    this.#start = start
    this.#saved = undefined
    this.#rewinds = 0
    this.inquire('none')
    // The live end is that of the next connection, not of the first.
    this.#openedAtUs = undefined
    this.#isClockChecked = false
  }
}

const rewindUs = (times: number): number => (times === 0 ? 0 : REWIND_US * 6 ** (times - 1))
