import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { callback, count, defaultsTo, milliseconds, oneOf, optional } from '../options/pieces.js'
import type { ShapeOf, WithDefaults } from '../options/with-defaults.js'

/** How a bounded operator handles values when its queue is full. */
export type Overflow = 'pause' | 'drop-oldest' | 'drop-newest' | 'error'

/** The bounds of a queueing operator. */
export interface QueueOptions<T> {
  /**
   * How many values may wait; values being worked on are not counted.
   * @default 1024
   */
  readonly capacity?: number | undefined
  /**
   * How many values are worked on at once.
   * @default 1
   */
  readonly concurrency?: number | undefined
  /**
   * What happens at `capacity`. `'pause'`: the source is paused, and resumed when half of it waits;
   * nothing is lost. `'drop-oldest'`, `'drop-newest'`: a value is dropped, counted in `metrics$`,
   * and reported as a gap. `'error'`: the stream ends with `QueueOverflowError`.
   * @default 'pause'
   */
  readonly overflow?: Overflow | undefined
  /**
   * Under `'pause'`, for a source that cannot pause: above this number of waiting values the oldest
   * is dropped. Not below `capacity`.
   * @default Infinity
   */
  readonly maxLag?: number | undefined
  /**
   * The key of a value. Values of one key are worked on one by one, in order.
   * @default none: any values may run side by side
   */
  readonly orderBy?: ((value: T) => unknown) | undefined
  /**
   * Calls `onSlow` when work has been running for this time, in milliseconds, and again after each
   * further period of this length.
   * @default never
   */
  readonly slowAfterMs?: number | undefined
  /** Receives a value whose work is still running. */
  readonly onSlow?: ((value: T, runningMs: number) => void) | undefined
  /** Receives each value that is dropped. */
  readonly onDrop?: ((value: T) => void) | undefined
}

export const overflowWord = oneOf('pause', 'drop-oldest', 'drop-newest', 'error')

export const queueShape = {
  capacity: defaultsTo(count, 1024),
  concurrency: defaultsTo(count, 1),
  overflow: defaultsTo(overflowWord, 'pause'),
  maxLag: defaultsTo(count, Number.POSITIVE_INFINITY),
  orderBy: optional(callback),
  slowAfterMs: optional(milliseconds),
  onSlow: optional(callback),
  onDrop: optional(callback),
}

/** The bounds of a queueing operator, with their defaults. */
export type QueueBounds<T> = WithDefaults<QueueOptions<T>, typeof queueShape>

/**
 * Returns an operator's options with their defaults. Throws `ConfigError` with every mistake, after
 * those already in `issues`.
 */
export function checkQueueOptions<
  Options extends Pick<QueueOptions<never>, 'capacity'>,
  const Shape extends ShapeOf<Options>,
>(
  operator: string,
  shape: Shape,
  options: Options,
  issues = new Issues(),
): WithDefaults<Options, Shape> {
  const filled = checkShape(shape, options, issues)
  const { capacity = 1024, maxLag = Number.POSITIVE_INFINITY }: QueueOptions<never> = filled
  if (!issues.concern('maxLag', 'capacity') && maxLag < capacity)
    issues.add('maxLag', `must not be below \`capacity\` (${capacity}), not ${maxLag}`)
  issues.throwIfAny(operator)
  return filled
}
