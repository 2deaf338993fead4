import {
  asyncScheduler,
  catchError,
  from,
  type Observable,
  of,
  race,
  startWith,
  switchMap,
  tap,
  timer,
} from 'rxjs'
import type { PositionKeys } from '../cursors/load-position.js'
import { Checkpoint } from '../delivery/checkpoint.js'
import type { CheckpointOptions } from '../delivery/checkpoint-options.js'
import type { StoredPositions } from '../delivery/delivery-stream.js'
import type { GapReason, Gaps } from '../delivery/gaps.js'
import type { Position } from '../delivery/position.js'
import { positionFormat, type SavedPosition } from '../delivery/saved-position.js'
import { Conclusions } from './conclusions.js'
import type { OnCursorRefused, Question, Start } from './cursor-request.js'
import { CursorRequests } from './cursor-requests.js'
import { type FilterHistory, formatWith, type Resumption } from './filter-history.js'
import type { Progress, ProgressContext } from './progress.js'
import { type Control, type CursorProtocol, Passed } from './protocol.js'
import { Received } from './received.js'
import { RecentlyReceived } from './recently-received.js'
import { isBeforeAll, WayBack } from './way-back.js'

// How long a dial waits for a save.
const SAVE_FIRST_MS = 5000

export interface CursorProgressOptions extends PositionKeys {
  readonly start: Start
  readonly onCursorRefused: OnCursorRefused
  readonly checkpoint: CheckpointOptions | undefined
  /** The filters of a stream that has a name in the store. */
  readonly history?: FilterHistory | undefined
  /** The URL of its first host. */
  readonly host: string
  /**
   * Whether hosts of a list replace each other: what one has sent is recognised on the next.
   * @default false
   */
  readonly hasOtherHosts?: boolean
  /**
   * Unix milliseconds.
   * @default RxJS's clock, which is virtual in specs
   */
  readonly now?: () => number
}

/**
 * Progress by positions: where the next connection starts, which of its first events are repeats,
 * and what is saved as done.
 *
 * Cursors are inclusive and many events can share a position, so a repeat is recognised by its
 * identity, never by "time must grow". The repeat is also a free proof: where it does not come, or
 * is another event, the log may not be the one that gave the cursor. {@link judge} holds the rules.
 */
export class CursorProgress<Event> implements Progress<Event> {
  readonly run$: Observable<unknown>
  readonly #received = new Received<Event>()
  readonly #requests: CursorRequests<Event>
  readonly #conclusions: Conclusions<Event>
  readonly #checkpoint: Checkpoint<SavedPosition> | undefined
  readonly #recently: RecentlyReceived<Event> | undefined
  readonly #now: () => number
  #advancesAtDial = 0
  // A position of an earlier run at which some events are done.
  #begun: Position | undefined
  readonly #wayBack: WayBack

  constructor(options: CursorProgressOptions, gaps: Gaps, context: ProgressContext) {
    const { start, onCursorRefused, now = () => asyncScheduler.now() } = options
    this.#now = now
    this.#recently = options.hasOtherHosts ? new RecentlyReceived() : undefined
    this.#requests = new CursorRequests(start, this.#received)
    const { log } = context
    this.#conclusions = new Conclusions(
      { onCursorRefused, gaps, log, now },
      this.#received,
      this.#requests,
    )
    this.#wayBack = new WayBack(context, this.#received, this.#conclusions.losses)
    this.#checkpoint =
      options.checkpoint && this.#checkpointIn(options.checkpoint, options, context)
    const resume = (saved: SavedPosition) => options.history?.resume(saved, { log, gaps }) ?? 'same'
    this.run$ = this.#checkpoint === undefined ? of(undefined) : this.#run(this.#checkpoint, resume)
  }

  // --- Where the stream stands ---

  get last(): Position | undefined {
    return this.#received.last
  }

  get index(): number {
    return this.#received.index
  }

  /** Whether this connection went past all that came before it. */
  hasAdvanced(): boolean {
    this.#received.advance()
    return this.#received.advances > this.#advancesAtDial
  }

  // --- One connection ---

  /** What the open connection was asked for; `undefined` once it has answered. */
  get question(): Question | undefined {
    return this.#requests.current?.question
  }

  /** What the next connection asks for. */
  get asks(): Pick<CursorRequests<Event>, 'hasPosition' | 'isAll' | 'looksBack'> {
    return this.#requests
  }

  /** The next connection asks for what comes after the last position, without its repeat. */
  askAfterLast(): void {
    this.#requests.inquire('after')
  }

  get asksForFloor(): boolean {
    return this.#requests.current?.question === 'floor'
  }

  cursorFor(protocol: CursorProtocol<Event>): number | undefined {
    this.#conclusions.dial(protocol)
    this.#recently?.dial(protocol.recognising)
    this.#received.dial(protocol.exact ?? false)
    this.#received.advance()
    this.#advancesAtDial = this.#received.advances
    const cursor = this.#requests.cursorFor(protocol)
    const isFirst = this.#checkpoint?.saved === undefined && this.last === undefined
    const { current } = this.#requests
    if (current !== undefined) this.#wayBack.ask(current, protocol.host, isFirst)
    return cursor
  }

  /** How far a connection goes back is saved before its events come: see {@link WayBack}. */
  beforeDial(): Observable<unknown> | undefined {
    const checkpoint = this.#checkpoint
    if (checkpoint === undefined || this.#wayBack.position === undefined) return undefined
    // A store that fails, or never answers, ends the stream by its own `failAfterMs`.
    const saved$ = from(checkpoint.flush()).pipe(catchError(() => of(undefined)))
    return race(saved$, timer(SAVE_FIRST_MS))
  }

  opened(): void {
    this.#requests.opened(this.#now())
  }

  disconnected(): void {}

  /**
   * Whether the event is new. Throws `AskAgain` or `CursorRefusedError` where the server's log is
   * not ours.
   */
  onEvent(event: Event, host: string, position: number, time_us: number): boolean {
    const request = this.#requests.current
    if (request !== undefined && !this.#conclusions.isNew(request, event, host, position, time_us))
      return false
    if (this.#received.host === undefined) this.#checkpoint?.begin()
    this.#received.record(event, position, this.#conclusions.identityOf)
    this.#received.moveTo(host, position, time_us)
    if (this.#begun !== undefined && this.#isDone(this.#begun, host, position, time_us))
      return false
    return this.#recently === undefined || this.#recently.isNew(event, host, time_us)
  }

  /** Until the cursor is answered, and what an earlier run had done is passed. */
  get judgesEach(): boolean {
    return this.#requests.current !== undefined || this.#begun !== undefined
  }

  /** Whether an event is one of those that an earlier run had done. */
  #isDone(begun: Position, host: string, position: number, time_us: number): boolean {
    const { done = 0 } = begun
    if (host === begun.host && position === begun.position && time_us === begun.time_us)
      return this.index < done
    if (host !== begun.host || position > begun.position) this.#begun = undefined
    return false
  }

  /** Throws as {@link onEvent} does. */
  onReject(host: string, position: number, time_us: number): void {
    if (this.#received.isPast(host, position)) return
    const request = this.#requests.current
    if (request !== undefined && (request.cursor === position || request.cursor === time_us))
      request.answered = true
    else if (
      request !== undefined &&
      !this.#conclusions.isNew(request, undefined, host, position, time_us)
    )
      return
    this.#received.moveToReject(host, position, time_us)
  }

  /** Throws as {@link onEvent} does. */
  onControl(control: Control, host: string): void {
    const { name, message } = control
    if (control instanceof Passed) this.#pass(control, host)
    if (name === 'OutdatedCursor') this.#conclusions.onCursorTooOld(host, message)
    if (name === 'FutureCursor') this.#conclusions.onFutureCursor(host)
  }

  /** Moves forward without an event, and never back. */
  #pass({ position }: Passed, host: string): void {
    if (this.#received.host === host && position <= this.#received.position) return
    this.#requests.settle()
    this.#received.pass(host, position)
  }

  refused(host: string, message: string, reason: GapReason = 'cursor-too-old'): void {
    this.#conclusions.onRefused(host, message, reason)
  }

  /**
   * A changed filter explains no repeat that does not come: the server may have lost its log
   * meanwhile.
   */
  filterChanged(): void {
    this.#received.filterChanged()
  }

  // --- What is done, and saved ---

  get positions(): StoredPositions | undefined {
    const checkpoint = this.#checkpoint
    if (!checkpoint?.isExternal) return undefined
    return {
      past: ({ host, position, time_us, index }) => {
        const last = { host, position, time_us, done: index + 1 }
        const isSavable = this.#received.savable(last, this.#now()) === last
        return isSavable ? checkpoint.textOf(last) : undefined
      },
    }
  }

  get checkpoint(): number | undefined {
    return this.#checkpoint?.saved?.position
  }

  get checkpointErrors(): number {
    return this.#checkpoint?.errors ?? 0
  }

  /** A stored checkpoint wins over the configured start. */
  startFrom(saved: Position | undefined): void {
    this.#requests.startFrom(saved)
  }

  settled(): void {
    this.#checkpoint?.settled()
  }

  stop(): void {
    this.#checkpoint?.stop()
  }

  flush(): PromiseLike<void> | undefined {
    return this.#checkpoint?.flush()
  }

  #checkpointIn(
    checkpoint: CheckpointOptions,
    { key, formerKey, host, history }: CursorProgressOptions,
    context: ProgressContext,
  ): Checkpoint<SavedPosition> {
    const format = history === undefined ? positionFormat : formatWith(history)
    const stream = { key, formerKey, host, format, log: context.log }
    // A text of the program's own need not have room for it.
    const wayBack = checkpoint.positionFormat === undefined ? this.#wayBack : undefined
    const current = () =>
      wayBack?.position ?? this.#received.savable(context.frontier() ?? this.last, this.#now())
    return new Checkpoint(checkpoint, stream, current, () => context.changed())
  }

  #run(
    checkpoint: Checkpoint<SavedPosition>,
    resume: (saved: SavedPosition) => Resumption,
  ): Observable<unknown> {
    return checkpoint.load$().pipe(
      tap((saved) => {
        const resumption = saved === undefined ? 'same' : resume(saved)
        if (saved?.floor !== undefined) this.#conclusions.losses.resume(saved.host, saved.floor)
        if (resumption === 'start over' || (saved && isBeforeAll(saved))) this.#requests.startOver()
        else this.startFrom(saved)
        // Another filter counts other events.
        if (resumption === 'same' && (saved?.done ?? 0) > 0) this.#begun = saved
        if (resumption === 'changed') this.filterChanged()
      }),
      switchMap(() => checkpoint.regularly().pipe(startWith(undefined))),
    )
  }
}
