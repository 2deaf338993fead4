import {
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
import { loadPosition, type PositionKeys } from '../cursors/load-position.js'
import { CursorStoreError, StreamError } from '../errors.js'
import { type Log, SILENT } from '../internal/log.js'
import { messageOf } from '../internal/message-of.js'
import { backoffMs } from '../options/backoff.js'
import type { CheckpointOptions, OwnFormat, PositionFormat } from './checkpoint-options.js'

/** Whose positions a {@link Checkpoint} keeps. */
export interface CheckpointedStream<P> extends PositionKeys {
  /** The URL of its first host. */
  readonly host: string
  readonly format: OwnFormat<P>
  readonly log: Log
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
  /** What is stored may have another key, or another filter beside the position. */
  #isOutdated: boolean
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
    this.#isOutdated = stream.formerKey !== undefined
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

  /** The program stores the positions itself. */
  get isExternal(): boolean {
    return this.options.external ?? false
  }

  get saving(): boolean {
    return this.#saving !== undefined
  }

  /** The text of a position that a program stores itself. */
  textOf(position: P): string {
    const text = this.#format.write(position)
    // The next run would end with what cannot be read.
    this.#read(text)
    return text
  }

  /** Saves the current position, unless it is saved already. */
  save(): Promise<void> | undefined {
    // Here and not in `#run`, which may end before its promise is kept: a store may throw.
    if (this.#saving === undefined && this.#isBehind())
      this.#saving = this.#run().then(() => this.#ended())
    return this.#saving
  }

  /**
   * The first event has come. Its position is saved now: a kill within the first interval would
   * else make the next run begin live, without a gap.
   */
  begin(): void {
    // Not synchronously: its delivery is not open yet.
    if (this.saved === undefined) void Promise.resolve().then(() => this.save())
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

  /**
   * Saves while the stream runs, and errors when that has failed for too long. Never completes.
   * Failure is counted in ticks, not read from a clock: a machine that slept with a save in flight
   * misses ticks, and the save goes on when it wakes.
   */
  regularly(): Observable<never> {
    const { everyMs = 1000, failAfterMs = 60_000 } = this.options
    // At least two: the first one after a sleep may come before the save could go on.
    const mostTicks = Math.max(2, Math.ceil(failAfterMs / everyMs))
    let failing = 0
    const save = () => {
      // A save that never ends is no better than one that fails; one whose store says that it will
      // be back is waited for.
      const isWell = (this.#error === undefined && !this.saving) || willPass(this.#error)
      failing = isWell ? 0 : failing + 1
      if (failing >= mostTicks) {
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
    const { options, stream } = this
    try {
      // With a format of its own, a program finds its position under another program's key.
      const { log } = options.positionFormat === undefined ? stream : { log: SILENT }
      return await loadPosition(options.store, stream, log)
    } catch (cause) {
      if (cause instanceof CursorStoreError) throw cause
      throw new CursorStoreError(
        `the store could not load the position for ${stream.key}: ${messageOf(cause)}`,
        { cause },
      )
    }
  }

  #isBehind(): boolean {
    if (this.isExternal) return false
    const current = this.current()
    return (
      current !== undefined &&
      (this.saved === undefined ||
        this.#isOutdated ||
        !this.stream.format.isSame(current, this.saved))
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
      const text = this.textOf(position)
      await this.options.store.save(this.stream.key, text)
      this.saved = position
      this.#isOutdated = false
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
