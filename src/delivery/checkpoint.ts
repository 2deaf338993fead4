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
import { currentWatch } from './subscription-watch.js'

/** Where and how often a stream saves the position of what is done. */
export interface CheckpointOptions<P = Position> {
  /** Where the position is kept. */
  readonly store: CursorStore
  /**
   * How often at most the checkpoint is saved while the stream runs, in milliseconds.
   * @default 1000
   */
  readonly everyMs?: number
  /**
   * How long saving may fail before the stream ends with `CursorStoreError`, in milliseconds;
   * `Infinity`: it never ends for that. A store whose error is caused by a retryable one, such as a
   * Redis that is away, is waited for without an end.
   * @default 60_000
   */
  readonly failAfterMs?: number
  /**
   * How a position becomes the text in the store, and a text a position: to share positions with
   * another program.
   * @default JSON
   */
  readonly positionFormat?: PositionFormat<P>
}

/**
 * Writes and reads a position as text, where another program's positions are to be read, or are to
 * be written for it.
 *
 * **Errors**: what either function throws ends the stream with `CursorStoreError`: from `read` at
 * once, from `write` after `failAfterMs`. A text that `read` does not take is never overwritten.
 *
 * @example
 * ```ts
 * import type { Position, PositionFormat } from 'rxjs-atproto'
 *
 * // A plain number: the last one that is done.
 * const positionFormat: PositionFormat<Position> = {
 *   write: ({ position }) => String(position - 1),
 *   read: (text, host) =>
 *     /^\d+$/.test(text) ? { host, position: Number(text) + 1, time_us: 0 } : undefined,
 * }
 * firehose$({ checkpoint: { store: memoryCursorStore(), positionFormat } }).subscribe()
 * ```
 */
export interface PositionFormat<P> {
  /** Returns what the store keeps. {@link read} must take it, or nothing is saved. */
  write(position: P): string
  /**
   * Returns `undefined` for a text that is not a position. `host`: the URL of the stream's host, or
   * of its first one, for a text that does not say whose it is.
   */
  read(text: string, host: string): P | undefined
}

/** A source's own format: what a {@link PositionFormat} leaves out stays comparable. */
export interface OwnFormat<P> extends PositionFormat<P> {
  isSame(one: P, other: P): boolean
}

/** Whose positions a {@link Checkpoint} keeps. */
export interface CheckpointedStream<P> {
  /** Its name in the store. */
  readonly key: string
  /** The URL of its first host. */
  readonly host: string
  readonly format: OwnFormat<P>
}

/**
 * Saves the checkpoint: one save in flight, then the newest position. While the stream runs, the
 * timer of {@link regularly} saves. After {@link stop} each settled delivery and each save that
 * succeeds does, until everything that is done is saved.
 */
export class Checkpoint<P> {
  saved: P | undefined
  errors = 0
  #error: unknown
  #saving: Promise<void> | undefined
  #stopped = false

  readonly #format: PositionFormat<P>

  constructor(
    private readonly options: CheckpointOptions<P>,
    private readonly stream: CheckpointedStream<P>,
    /** The position before the oldest unfinished event, or that of the last event when none is. */
    private readonly current: () => P | undefined,
    private readonly onSaved: () => void,
  ) {
    this.#format = options.positionFormat ?? stream.format
    currentWatch()?.foundStore(options.store)
  }

  /** Saves until nothing is left to save. Rejects with `CursorStoreError` when a save fails. */
  async flush(): Promise<void> {
    // Not synchronously: the last delivery may still be open during this call.
    await Promise.resolve()
    const errors = this.errors
    while (this.errors === errors && this.#isBehind()) await this.save()
    if (this.#isBehind())
      throw new CursorStoreError('the last checkpoint could not be saved', { cause: this.#error })
  }

  /** Yields the stored position. Retries while the store's error is retryable. */
  load$(): Observable<P | undefined> {
    return defer(() => from(this.#load())).pipe(
      retry({
        delay: (error: unknown, attempt) =>
          willPass(error) ? timer(backoffMs(attempt)) : throwError(() => error),
      }),
    )
  }

  get saving(): boolean {
    return this.#saving !== undefined
  }

  /** Saves the current position, unless it is saved already. */
  save(): Promise<void> | undefined {
    // Here and not in `#run`, which may end before its promise is kept: a store may throw.
    if (this.#saving === undefined && this.#isBehind())
      this.#saving = this.#run().then(() => this.#ended())
    return this.#saving
  }

  /** The stream has ended. Open deliveries may still be settled. */
  stop(): void {
    this.#stopped = true
    this.save()
  }

  /** A delivery was settled. */
  settled(): void {
    if (this.#stopped) this.save()
  }

  /** Saves while the stream runs, and errors when that has failed for too long. Never completes. */
  regularly(): Observable<never> {
    const { everyMs = 1000, failAfterMs = 60_000 } = this.options
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

  async #load(): Promise<P | undefined> {
    const text = await this.#loadText()
    this.saved = text === undefined ? undefined : this.#read(text)
    return this.saved
  }

  async #loadText(): Promise<string | undefined> {
    const { key } = this.stream
    try {
      return await this.options.store.load(key)
    } catch (cause) {
      if (cause instanceof CursorStoreError) throw cause
      throw new CursorStoreError(
        `the store could not load the position for ${key}: ${messageOf(cause)}`,
        { cause },
      )
    }
  }

  #isBehind(): boolean {
    const current = this.current()
    return (
      current !== undefined &&
      (this.saved === undefined || !this.stream.format.isSame(current, this.saved))
    )
  }

  #read(text: string): P {
    const { key, host } = this.stream
    const unreadable = (reason: string, cause?: unknown) =>
      new CursorStoreError(
        `the store's position for ${key} cannot be read: ${text.slice(0, 100)}; ${reason}`,
        { cause },
      )
    let position: P | undefined
    try {
      position = this.#format.read(text, host)
    } catch (cause) {
      if (cause instanceof CursorStoreError) throw cause
      throw unreadable(messageOf(cause), cause)
    }
    if (position !== undefined) return position
    throw unreadable(
      this.options.positionFormat === undefined
        ? 'it is not one that this library saved'
        : '`positionFormat` does not take it',
    )
  }

  async #run(): Promise<void> {
    try {
      // A copy: the current position may be a delivery, which must not be kept.
      const position = copyOf(this.current() as P, this.stream)
      const text = this.#format.write(position)
      // The next run would end with what cannot be read.
      this.#read(text)
      await this.options.store.save(this.stream.key, text)
      this.saved = position
      this.#error = undefined
    } catch (error) {
      this.errors += 1
      this.#error = error
    }
  }

  #ended(): void {
    this.#saving = undefined
    this.onSaved()
    if (this.#stopped && this.#error === undefined) this.save()
  }
}

const copyOf = <P>(position: P, { format, host }: CheckpointedStream<P>): P =>
  format.read(format.write(position), host) as P

/**
 * Whether a failure is expected to pass, by the error or its cause: a Redis that is away, but not a
 * file that cannot be written.
 */
export const willPass = (error: unknown): boolean =>
  error instanceof StreamError &&
  (error.retryable || (error.cause !== error && willPass(error.cause)))

/** Positions of a live source. */
export const positionFormat: OwnFormat<Position> = {
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
