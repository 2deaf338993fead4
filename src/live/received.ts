import type { Position } from '../delivery/position.js'
import { type Floor, type Held, NOTHING_HELD } from './cursor-request.js'
import { isTimeCursor } from './protocol.js'

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

const NOWHERE: Floor = { position: 0, time_us: 0 }

type IdentityOf<Event> = (event: Event) => string

/**
 * What one subscription has received: the last position, the events at it, and some older positions
 * as proof. Also how far the stream has come over all its connections.
 */
export class Received<Event> {
  // The last position, in parts: an object for each event would cost as much as the rest of this.
  #host: string | undefined
  #position = 0
  #timeUs = 0
  // What was received at it: how many, the first, and the identities of the others. The first is
  // kept as it arrived, since most positions have no other.
  #count = 0
  #first: Event | undefined
  readonly #others = new Set<string>()
  // Older positions, oldest first, and the time of the newest.
  #anchors: number[] = []
  #anchorUs = Number.NEGATIVE_INFINITY
  // The last position before the time jumped.
  #beforeJump: Floor | undefined
  // The last position that was a time and jumped, and the one before.
  #jump: { readonly position: number; readonly before: Floor } | undefined
  #isFilterChanged = false
  // Whether the position came from an exact connection: no socket need repeat the event at it.
  #needNotRepeat = false
  #isExact = false
  #positionAtDial = 0
  // The last position without an event: whatever stands there, its time is not known.
  #passedAt = -1
  // The furthest that any connection has come, and since the position was last given up. The log
  // that is read after that may be a new one, where the replay itself is progress.
  #furthest = NOWHERE
  #furthestSince = NOWHERE
  #advances = 0

  get host(): string | undefined {
    return this.#host
  }

  get position(): number {
    return this.#position
  }

  /** A connection begins. `exact`: see {@link CursorProtocol.exact}. */
  dial(exact: boolean): void {
    if (this.#position !== this.#positionAtDial) this.#needNotRepeat = this.#isExact
    this.#positionAtDial = this.#position
    this.#isExact = exact
  }

  /** The position of the last event received. */
  get last(): Position | undefined {
    return this.#host === undefined
      ? undefined
      : { host: this.#host, position: this.#position, time_us: this.#timeUs }
  }

  /**
   * What to save for `position`. A time that jumped ahead of our clock would skip, in the next run,
   * all that comes until then: until the stream goes on from it, the position before it is saved.
   */
  savable(position: Position | undefined, nowMs: number): Position | undefined {
    const jump = this.#jump
    if (position?.position === this.#passedAt)
      return { host: position.host, position: position.position, time_us: 0 }
    if (jump === undefined || position === undefined || position.host !== this.#host)
      return position
    const isAhead = position.time_us - JUMP_US > nowMs * 1000
    return position.position === jump.position && isAhead
      ? { host: position.host, ...jump.before }
      : position
  }

  /** How many events came before the last one that share its position. */
  get index(): number {
    return this.#count - 1
  }

  /** What an earlier run had reached is no progress of this one. */
  startFrom(saved: Position): void {
    this.#furthest = saved
  }

  filterChanged(): void {
    this.#isFilterChanged = true
  }

  /** Before {@link moveTo}: one more event, at the last position or at a new one. */
  record(event: Event, position: number, identityOf: IdentityOf<Event>): void {
    if (position !== this.#position || this.#count === 0) {
      if (this.#count > 1) this.#others.clear()
      this.#first = event
      this.#count = 1
      return
    }
    this.#count += 1
    // Those that came first, since a server repeats them first: without them its log would seem
    // another one.
    if (this.#others.size < MAX_KNOWN - 1) this.#others.add(identityOf(event))
  }

  moveTo(host: string, position: number, time_us: number): void {
    const sinceUs = time_us - this.#anchorUs
    if (sinceUs >= ANCHOR_EVERY_US || sinceUs < -ANCHOR_EVERY_US)
      this.#dropAnchor(position, time_us)
    this.#host = host
    this.#position = position
    this.#timeUs = time_us
    if (this.#isFilterChanged) this.#isFilterChanged = false
  }

  /** A frame that could not be read has a position all the same, but no identity. */
  moveToReject(host: string, position: number, time_us: number): void {
    if (position !== this.#position) this.#forget()
    this.moveTo(host, position, time_us)
  }

  /**
   * The stream went on to a position without an event at it. If its time is not known (0), it stays
   * that of the last event here, and is not saved.
   */
  pass(host: string, position: number, time_us: number): void {
    this.moveToReject(host, position, time_us || this.#timeUs)
    this.#passedAt = time_us === 0 ? position : -1
  }

  /** Inside the overlap of a reconnect a position is before what was received. */
  isPast(host: string, position: number): boolean {
    return this.#host === host && position < this.#position
  }

  /** The log is another one: positions of the old one prove nothing. */
  forgetAnchors(): void {
    this.#anchors = []
    this.#anchorUs = Number.NEGATIVE_INFINITY
    this.#beforeJump = undefined
    this.#jump = undefined
  }

  /** The position is given up: forgets everything but how far the stream has come. */
  giveUp(): void {
    this.advance()
    // Not to nowhere: the same few events, again and again, are progress once.
    this.#furthest = this.#furthestSince
    this.#furthestSince = NOWHERE
    this.#host = undefined
    this.#position = 0
    this.#timeUs = 0
    this.#forget()
    this.forgetAnchors()
  }

  #forget(): void {
    this.#count = 0
    this.#first = undefined
    this.#others.clear()
  }

  /** At most once in ten seconds of the stream's time. */
  #dropAnchor(position: number, time_us: number): void {
    const jumps = this.#host !== undefined && this.#timeUs > 0 && time_us - this.#timeUs >= JUMP_US
    this.#beforeJump = jumps ? { position: this.#position, time_us: this.#timeUs } : undefined
    if (this.#beforeJump !== undefined && isTimeCursor(position))
      this.#jump = { position, before: this.#beforeJump }
    if (time_us < this.#anchorUs) this.#anchors = []
    this.#anchors.push(position)
    if (this.#anchors.length > MAX_ANCHORS) this.#anchors.shift()
    this.#anchorUs = time_us
  }

  // --- How far the stream has come ---

  /** How often the stream was found further than ever before. */
  get advances(): number {
    return this.#advances
  }

  advance(): void {
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

  // --- What the next connection must go on from ---

  /**
   * The event at `known`, with all that could prove that a log still holds it. `askedBy`: after a
   * jump of the time the position can still be asked for, and the time cannot.
   */
  held(known: Position, askedBy: 'position' | 'time', identityOf: IdentityOf<Event>): Held {
    const isFilterChanged = this.#isFilterChanged
    if (this.#host === undefined)
      return { ...NOTHING_HELD, repeats: new Set(), ...known, isFilterChanged }
    const repeats = new Set(this.#others)
    if (this.#first !== undefined) repeats.add(identityOf(this.#first))
    const anchors = this.#anchors.filter((anchor) => anchor < known.position)
    const needNotRepeat = this.#needNotRepeat
    const held: Held = {
      ...known,
      knownFrom: 'this run',
      repeats,
      anchors,
      isFilterChanged,
      needNotRepeat,
    }
    const plausible = askedBy === 'time' ? this.#plausible : undefined
    if (plausible === undefined) return held
    this.#furthest = plausible
    const { position, time_us } = plausible
    return isTimeCursor(known.position)
      ? { ...held, position, time_us, anchors: [position] }
      : { ...held, time_us }
  }

  /** Where the stream stood before its last event's time jumped, if it did. */
  get #plausible(): Floor | undefined {
    const before = this.#beforeJump
    return before !== undefined && this.#timeUs - before.time_us >= JUMP_US ? before : undefined
  }
}
