import { type Observable, of, startWith, switchMap, tap } from 'rxjs'
import { Checkpoint, type CheckpointOptions, positionFormat } from '../delivery/checkpoint.js'
import type { GapReason, Gaps } from '../delivery/gaps.js'
import type { Position } from '../delivery/position.js'
import type { Progress, ProgressContext } from './progress.js'
import type { Control, CursorProtocol } from './protocol.js'
import { type OnCursorRefused, Resume, type Start } from './resume.js'

export interface CursorProgressOptions {
  readonly start: Start
  readonly onCursorRefused: OnCursorRefused
  readonly checkpoint: CheckpointOptions | undefined
  /** The name of the stream in the store. */
  readonly key: string
  /** The URL of its first host. */
  readonly host: string
}

/** Progress by positions: resumes past what was received, and saves what is done. */
export class CursorProgress<Event> implements Progress<Event> {
  readonly run$: Observable<unknown>
  readonly #resume: Resume<Event>
  readonly #checkpoint: Checkpoint<Position> | undefined
  #stopped = false

  constructor(options: CursorProgressOptions, gaps: Gaps, context: ProgressContext) {
    const { checkpoint, key, host } = options
    this.#resume = new Resume(options, gaps, context.log)
    if (checkpoint === undefined) {
      this.run$ = of(undefined)
      return
    }
    const current = () => context.frontier() ?? this.#resume.last
    this.#checkpoint = new Checkpoint<Position>(
      checkpoint,
      { key, host, format: positionFormat },
      current,
      () => {
        context.changed()
        if (this.#stopped && this.#checkpoint?.error === undefined) this.#checkpoint?.save()
      },
    )
    this.run$ = this.#saveRegularly(this.#checkpoint)
  }

  get last(): Position | undefined {
    return this.#resume.last
  }

  get index(): number {
    return this.#resume.index
  }

  get checkpoint(): number | undefined {
    return this.#checkpoint?.saved?.position
  }

  get checkpointErrors(): number {
    return this.#checkpoint?.errors ?? 0
  }

  cursorFor(protocol: CursorProtocol<Event>): number | undefined {
    return this.#resume.at(protocol)
  }

  get asksForFloor(): boolean {
    return this.#resume.asksForFloor
  }

  hasAdvanced(): boolean {
    return this.#resume.hasAdvanced()
  }

  opened(): void {
    this.#resume.opened()
  }

  disconnected(): void {}

  onEvent(event: Event, host: string, position: number, time_us: number): boolean {
    return this.#resume.onEvent(event, host, position, time_us)
  }

  onReject(host: string, position: number, time_us: number): void {
    this.#resume.onReject(host, position, time_us)
  }

  onControl(control: Control, host: string): void {
    if (control.name === 'OutdatedCursor') this.#resume.onCursorTooOld(host, control.message)
    if (control.name === 'FutureCursor') this.#resume.onFutureCursor(host)
  }

  filterChanged(): void {
    this.#resume.filterChanged()
  }

  refused(host: string, message: string, reason: GapReason): void {
    this.#resume.onRefused(host, message, reason)
  }

  settled(): void {
    // While the stream runs the clock saves; after its end each settlement does, as far as a save
    // is not in flight.
    if (this.#stopped) this.#checkpoint?.save()
  }

  stop(): void {
    this.#stopped = true
    this.#checkpoint?.save()
  }

  flush(): PromiseLike<void> | undefined {
    const checkpoint = this.#checkpoint
    // Not at once: it may be asked for in the very call whose delivery is the last one.
    return checkpoint && Promise.resolve().then(() => checkpoint.flush())
  }

  #saveRegularly(checkpoint: Checkpoint<Position>): Observable<unknown> {
    return checkpoint.load$().pipe(
      tap((saved) => this.#resume.startFrom(saved)),
      switchMap(() => checkpoint.regularly().pipe(startWith(undefined))),
    )
  }
}
