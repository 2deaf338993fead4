import type { CursorStore } from '../cursors/cursor-store.js'
import type { Position } from './position.js'

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
  /**
   * The stream's name in the store, in place of its wire, hosts and filter: the position is then
   * found again after the filter has changed, and the filter is stored beside it. Each stream of a
   * store needs a name of its own; `firehose$`, `labels$`, `listRepos$` and `archive$` add the host
   * to it. A position that was saved without a name is found while hosts, wire and filter are the
   * same. Cannot be combined with `positionFormat`, whose text has no room for a filter.
   * @default none: another filter is another stream
   */
  readonly name?: string
  /**
   * What a stream with a `name` does when its filter is wider than the stored one, or another.
   * `'resume'`: goes on from the position, with a warning in `log`; what the filter newly takes
   * begins there. `'backfill'`: reads from the oldest event that the server has, and leaves out
   * what an earlier filter has delivered. Changes through `filters$` go on from where the stream
   * is.
   * @default 'resume'
   */
  readonly onFilterChange?: 'resume' | 'backfill'
  /**
   * Whether the program stores the position itself, in the transaction of its rows: see
   * `boundedBatchMap`. The position is then loaded from the store, and never saved by the stream.
   * Not for `listRepos$`, nor for more `dids` than one connection of a Jetstream takes.
   * @default false
   */
  readonly external?: boolean
}

/** A store alone means the defaults of {@link CheckpointOptions}. */
export type CheckpointConfig<P = Position> = CursorStore | CheckpointOptions<P>

export function checkpointOptions<P>(config: CheckpointConfig<P>): CheckpointOptions<P>
export function checkpointOptions<P>(
  config: CheckpointConfig<P> | undefined,
): CheckpointOptions<P> | undefined
export function checkpointOptions<P>(
  config: CheckpointConfig<P> | undefined,
): CheckpointOptions<P> | undefined {
  // By its methods: a custom store may have a member named `store`.
  return config !== undefined && 'load' in config ? { store: config } : config
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
