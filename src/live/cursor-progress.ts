import {
  asyncScheduler,
  catchError,
  defer,
  from,
  map,
  type Observable,
  of,
  race,
  retry,
  startWith,
  switchMap,
  tap,
  timer,
} from 'rxjs'
import { checkpointing, resuming } from '#parts'
import type { PositionKeys } from '../cursors/load-position.js'
import type { Checkpoint } from '../delivery/checkpoint.js'
import type { CheckpointOptions } from '../delivery/checkpoint-options.js'
import type { StoredPositions } from '../delivery/delivery-stream.js'
import type { GapReason, Gaps } from '../delivery/gaps.js'
import type { Position } from '../delivery/position.js'
import { isBeforeAll, type SavedPosition } from '../delivery/saved-position.js'
import { currentWatch } from '../delivery/subscription-watch.js'
import { CursorRefusedError } from '../errors.js'
import { backoffMs } from '../options/backoff.js'
import type { OnCursorRefused, Question, Start } from './cursor-request.js'
import type { CursorRequests } from './cursor-requests.js'
import type { NamedFilter } from './named-filter.js'
import type { Progress, ProgressContext } from './progress.js'
import { type Control, type CursorProtocol, Passed } from './protocol.js'
import { Received } from './received.js'
import { RecentlyReceived } from './recently-received.js'
import type { Resuming } from './resuming.js'

// How long a dial waits for a save, at most.
const SAVE_FIRST_MS = 5000

export interface CursorProgressOptions extends PositionKeys {
  readonly start: Start
  readonly onCursorRefused: OnCursorRefused
  readonly checkpoint: CheckpointOptions | undefined
  /** The filter of a stream that has a name in the store. */
  readonly filter?: NamedFilter | undefined
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
 * identity, never by "time must grow". The repeat also proves that the log is the same: if it does
 * not come, or another event does, the log may not be the one that gave the cursor. {@link judge}
 * holds the rules.
 */
export class CursorProgress<Event> implements Progress<Event> {
  readonly run$: Observable<unknown>
  readonly #received = new Received<Event>()
  readonly #recently: RecentlyReceived<Event> | undefined
  // A page loads it before it is needed. A request for the live end does not need it.
  #resuming: Resuming<Event> | undefined
  #checkpoint: Checkpoint<SavedPosition> | undefined
  #identityOf: (event: Event) => string = String
  readonly #now: () => number
  // When the first connection opened.
  #openedAtMs: number | undefined
  #advancesAtDial = 0
  // A position of an earlier run, at which some events are done and others are not.
  #begun: Position | undefined

  constructor(
    private readonly options: CursorProgressOptions,
    private readonly gaps: Gaps,
    private readonly context: ProgressContext,
  ) {
    this.#now = options.now ?? (() => asyncScheduler.now())
    this.#recently = options.hasOtherHosts ? new RecentlyReceived() : undefined
    if (resuming.loaded !== undefined) this.#takeResuming(resuming.loaded)
    const { checkpoint } = options
    if (checkpoint !== undefined) {
      currentWatch()?.foundStore(checkpoint.store)
      // Not before the part that continues from its position is loaded.
      if (checkpointing.loaded !== undefined && this.#resuming !== undefined)
        this.#open(checkpoint, checkpointing.loaded)
    }
    this.run$ = checkpoint === undefined ? of(undefined) : this.#run(checkpoint)
  }

  // --- Where the stream stands ---

  get last(): Position | undefined {
    return this.#received.last
  }

  get index(): number {
    return this.#received.index
  }

  /** Whether this connection is past everything that was received before it. */
  hasAdvanced(): boolean {
    this.#received.advance()
    return this.#received.advances > this.#advancesAtDial
  }

  // --- One connection ---

  /** What the open connection was asked for; `undefined` once it has answered. */
  get question(): Question | undefined {
    return this.#resuming?.requests.current?.question
  }

  /** What the next connection asks for; `undefined`: the live end. */
  get asks(): Pick<CursorRequests<Event>, 'hasPosition' | 'isAll' | 'looksBack'> | undefined {
    return this.#resuming?.requests
  }

  /** The next connection asks for what comes after the last position, without its repeat. */
  askAfterLast(): void {
    this.#resuming?.requests.inquire('after')
  }

  get asksForFloor(): boolean {
    return this.question === 'floor'
  }

  ready(): Promise<unknown> | undefined {
    const isFromLive = this.options.start === undefined && this.#openedAtMs === undefined
    return this.#resuming !== undefined || isFromLive ? undefined : this.#loadResuming()
  }

  async #loadResuming(): Promise<void> {
    this.#takeResuming(await resuming.load())
  }

  #takeResuming(part: typeof import('./resuming.js')): void {
    if (this.#resuming !== undefined) return
    const { start, onCursorRefused } = this.options
    const options = { start, onCursorRefused, now: this.#now }
    this.#resuming = new part.Resuming(options, this.#received, this.gaps, this.context)
    if (this.#openedAtMs !== undefined) this.#resuming.requests.opened(this.#openedAtMs)
  }

  cursorFor(protocol: CursorProtocol<Event>): number | undefined {
    this.#identityOf = protocol.identityOf
    this.#recently?.dial(protocol.recognising)
    this.#received.dial(protocol.exact ?? false)
    this.#received.advance()
    this.#advancesAtDial = this.#received.advances
    const isFirst = this.#checkpoint?.saved === undefined && this.last === undefined
    return this.#resuming?.cursorFor(protocol, isFirst)
  }

  /** Saves how far a connection goes back, before its events come: see {@link WayBack}. */
  beforeDial(): Observable<unknown> | undefined {
    const checkpoint = this.#checkpoint
    if (checkpoint === undefined || this.#resuming?.wayBack.position === undefined) return undefined
    // A store that fails, or never answers, ends the stream by its own `failAfterMs`.
    const saved$ = from(checkpoint.flush()).pipe(catchError(() => of(undefined)))
    return race(saved$, timer(SAVE_FIRST_MS))
  }

  opened(): void {
    this.#openedAtMs ??= this.#now()
    if (this.#resuming !== undefined) this.#resuming.requests.opened(this.#now())
    // Not only when the connection is lost: that may be because there is no network. If it fails
    // now, the next dial tries again.
    else this.#loadResuming().catch(() => {})
  }

  disconnected(): void {}

  /**
   * Whether the event is new. Throws `AskAgain` or `CursorRefusedError` where the server's log is
   * not ours.
   */
  onEvent(event: Event, host: string, position: number, time_us: number): boolean {
    const request = this.#resuming?.requests.current
    if (
      request !== undefined &&
      !this.#resuming?.conclusions.isNew(request, event, host, position, time_us)
    )
      return false
    if (this.#received.host === undefined) this.#checkpoint?.begin()
    this.#received.record(event, position, this.#identityOf)
    this.#received.moveTo(host, position, time_us)
    if (this.#begun !== undefined && this.#isDone(this.#begun, host, position, time_us))
      return false
    return this.#recently === undefined || this.#recently.isNew(event, host, time_us)
  }

  /** True until the cursor is answered, and the events that an earlier run had done are passed. */
  get judgesEach(): boolean {
    return this.question !== undefined || this.#begun !== undefined
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
    const request = this.#resuming?.requests.current
    if (request !== undefined && (request.cursor === position || request.cursor === time_us))
      request.answered = true
    else if (
      request !== undefined &&
      !this.#resuming?.conclusions.isNew(request, undefined, host, position, time_us)
    )
      return
    this.#received.moveToReject(host, position, time_us)
  }

  /** Throws as {@link onEvent} does. */
  onControl(control: Control, host: string): void {
    const { name, message } = control
    if (control instanceof Passed) this.#pass(control, host)
    if (name === 'OutdatedCursor') this.#resuming?.conclusions.onCursorTooOld(host, message)
    if (name === 'FutureCursor') this.#resuming?.conclusions.onFutureCursor(host)
  }

  /** Moves forward without an event, and never back. */
  #pass({ position, time_us }: Passed, host: string): void {
    if (this.#received.host === host && position <= this.#received.position) return
    this.#resuming?.requests.settle()
    this.#received.pass(host, position, time_us)
  }

  refused(host: string, message: string, reason: GapReason = 'cursor-too-old'): void {
    // The live end was asked for.
    if (this.#resuming === undefined) throw new CursorRefusedError(`${host}: ${message}`)
    this.#resuming.conclusions.onRefused(host, message, reason)
  }

  /**
   * A changed filter does not explain a missing repeat: the server may have lost its log meanwhile.
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

  /** A stored checkpoint takes precedence over the configured start. */
  startFrom(saved: Position | undefined): void {
    this.#resuming?.requests.startFrom(saved)
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

  #open(
    checkpoint: CheckpointOptions,
    { openCheckpoint }: typeof import('./open-checkpoint.js'),
  ): Checkpoint<SavedPosition> {
    const { context } = this
    // A text that the program makes itself may have no room for it.
    const hasWayBack = checkpoint.positionFormat === undefined
    const current = () =>
      (hasWayBack ? this.#resuming?.wayBack.position : undefined) ??
      this.#received.savable(context.frontier() ?? this.last, this.#now())
    this.#checkpoint = openCheckpoint({ ...this.options, checkpoint }, current, context)
    return this.#checkpoint
  }

  #run(options: CheckpointOptions): Observable<unknown> {
    return defer(() =>
      this.#checkpoint === undefined ? this.#opened$(options) : of(this.#checkpoint),
    ).pipe(
      switchMap((checkpoint) => checkpoint.load$().pipe(tap((saved) => this.#resume(saved)))),
      switchMap(() => this.#checkpoint?.regularly().pipe(startWith(undefined)) ?? of(undefined)),
    )
  }

  /** In a page. A part that cannot be loaded is requested again, as from a store that is away. */
  #opened$(options: CheckpointOptions): Observable<Checkpoint<SavedPosition>> {
    return defer(() => from(Promise.all([checkpointing.load(), this.#loadResuming()]))).pipe(
      retry({ delay: (_, attempt) => timer(backoffMs(attempt)) }),
      map(([part]) => this.#open(options, part)),
    )
  }

  #resume(saved: SavedPosition | undefined): void {
    const { gaps } = this
    const { log } = this.context
    const history = this.options.filter?.history
    const resumption = (saved && history?.resume(saved, { log, gaps })) ?? 'same'
    const { requests, conclusions } = this.#resuming ?? {}
    if (saved?.floor !== undefined) conclusions?.losses.resume(saved.host, saved.floor)
    if (resumption === 'start over' || (saved && isBeforeAll(saved))) requests?.startOver()
    else this.startFrom(saved)
    // Another filter counts other events.
    if (resumption === 'same' && (saved?.done ?? 0) > 0) this.#begun = saved
    if (resumption === 'changed') this.filterChanged()
  }
}
