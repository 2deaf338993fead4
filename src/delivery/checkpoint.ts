import {
  asyncScheduler,
  defer,
  from,
  ignoreElements,
  interval,
  type Observable,
  retry,
  tap,
  throwError,
  timer,
} from 'rxjs'
import type { CursorStore } from '../cursors/cursor-store.js'
import { CursorStoreError, StreamError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import { backoffMs } from '../options/backoff.js'
import type { Position } from './position.js'

/** Where and how often a stream saves the position of what is done. */
export interface CheckpointOptions {
  /** Where the position is kept. */
  readonly store: CursorStore
  /**
   * How often at most the checkpoint is saved while the stream runs, in milliseconds. @default 1000
   */
  readonly everyMs?: number
  /**
   * How long saving may fail before the stream ends with `CursorStoreError`, in milliseconds. A
   * store whose error is caused by a retryable one, such as a Redis that is away, is waited for
   * without an end. @default 60_000
   */
  readonly failAfterMs?: number
}

/** What a source keeps as its position, and how a store is told of it. */
export interface PositionFormat<Position> {
  write(position: Position): string
  /** `undefined` for a text that {@link write} did not make. */
  read(text: string): Position | undefined
  isSame(one: Position, other: Position): boolean
}

/**
 * Saves the checkpoint: one save in flight, the newest position next. After the stream's end it
 * goes on by itself until all that is done is saved, and needs no timer for that.
 */
export class Checkpoint<Position> {
  saved: Position | undefined
  errors = 0
  #error: unknown
  #saving: Promise<void> | undefined

  constructor(
    private readonly store: CursorStore,
    private readonly key: string,
    private readonly format: PositionFormat<Position>,
    /** The position before the oldest unfinished event, or that of the last event when none is. */
    private readonly current: () => Position | undefined,
    private readonly onSaved: () => void,
  ) {}

  /** Saves until nothing is left to save. Rejects with `CursorStoreError` when a save fails. */
  async flush(): Promise<void> {
    const errors = this.errors
    while (this.errors === errors && this.#isBehind()) await this.save()
    if (this.#isBehind())
      throw new CursorStoreError('the last checkpoint could not be saved', { cause: this.#error })
  }

  /** Yields what is stored; waits for a store that says it will be back. */
  load$(): Observable<Position | undefined> {
    return defer(() => from(this.#load())).pipe(
      retry({
        delay: (error: unknown, attempt) =>
          willPass(error) ? timer(backoffMs(attempt)) : throwError(() => error),
      }),
    )
  }

  /** What the last save met, unless it went well. */
  get error(): unknown {
    return this.#error
  }

  get saving(): boolean {
    return this.#saving !== undefined
  }

  /** Saves what is done, if it is more than what is saved. */
  save(): Promise<void> | undefined {
    this.#saving ??= this.#isBehind() ? this.#run() : undefined
    return this.#saving
  }

  /** Saves while the stream runs, and errors when that has failed for too long. Never completes. */
  regularly({ everyMs = 1000, failAfterMs = 60_000 }: CheckpointOptions): Observable<never> {
    let goodAt = asyncScheduler.now()
    const save = () => {
      // A save that never ends is no better than one that fails; one whose store says that it will
      // be back is waited for.
      if ((this.#error === undefined && !this.saving) || willPass(this.#error))
        goodAt = asyncScheduler.now()
      else if (asyncScheduler.now() - goodAt >= failAfterMs) {
        throw new CursorStoreError(
          `the checkpoint could not be saved for ${failAfterMs} ms (\`failAfterMs\`)`,
          { cause: this.#error },
        )
      }
      this.save()
    }
    return interval(everyMs).pipe(tap(save), ignoreElements())
  }

  async #load(): Promise<Position | undefined> {
    const text = await this.#loadText()
    this.saved = text === undefined ? undefined : this.#read(text)
    return this.saved
  }

  async #loadText(): Promise<string | undefined> {
    try {
      return await this.store.load(this.key)
    } catch (cause) {
      if (cause instanceof CursorStoreError) throw cause
      throw new CursorStoreError(
        `the store could not load the position for ${this.key}: ${messageOf(cause)}`,
        { cause },
      )
    }
  }

  #isBehind(): boolean {
    const current = this.current()
    return (
      current !== undefined &&
      (this.saved === undefined || !this.format.isSame(current, this.saved))
    )
  }

  #read(text: string): Position {
    const position = this.format.read(text)
    if (position !== undefined) return position
    throw new CursorStoreError(
      `the store's position for ${this.key} cannot be read: ${text.slice(0, 100)}; it is not one that this library saved`,
    )
  }

  async #run(): Promise<void> {
    const text = this.format.write(this.current() as Position)
    try {
      await this.store.save(this.key, text)
      // Read back: the current position may be a delivery, which must not be kept.
      this.saved = this.format.read(text)
      this.#error = undefined
    } catch (error) {
      this.errors += 1
      this.#error = error
    } finally {
      this.#saving = undefined
    }
    this.onSaved()
  }
}

/**
 * Whether trying again can help, as whoever failed says: a Redis that is away, and not a file that
 * cannot be written.
 */
const willPass = (error: unknown): boolean =>
  error instanceof StreamError &&
  (error.retryable || (error.cause !== error && willPass(error.cause)))

/** Positions of a live source. */
export const positionFormat: PositionFormat<Position> = {
  write: ({ host, position, time_us }) => JSON.stringify({ host, position, time_us }),
  read(text) {
    try {
      const { host, position, time_us } = JSON.parse(text) as Position
      if (
        typeof host === 'string' &&
        Number.isSafeInteger(position) &&
        Number.isSafeInteger(time_us)
      )
        return { host, position, time_us }
    } catch {
      // No JSON, or none of an object.
    }
    return undefined
  },
  isSame: (one, other) => one.position === other.position && one.host === other.host,
}
