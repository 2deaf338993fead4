import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { callback, count, defaultsTo, milliseconds, oneOf, optional } from '../options/pieces.js'
import type { ShapeOf, WithDefaults } from '../options/with-defaults.js'

/** What a bounded operator does with values for which it has no room. */
export type Overflow = 'pause' | 'drop-oldest' | 'drop-newest' | 'error'

/** The bounds of a queueing operator. */
export interface QueueOptions<T> {
  /** How many values may wait (those that run do not). @default 1024 */
  readonly capacity?: number | undefined
  /** How many values are worked on at once. @default 1 */
  readonly concurrency?: number | undefined
  /**
   * What happens at `capacity`. `'pause'`: the source is paused, and resumed at half; nothing is
   * lost. `'drop-oldest'`, `'drop-newest'`: a value is given up, counted in `metrics$`, and
   * reported as a gap. `'error'`: the stream ends with `QueueOverflowError`. @default 'pause'
   */
  readonly overflow?: Overflow | undefined
  /**
   * Under `'pause'`, for a source that cannot pause and goes on: past so many waiting values the
   * oldest is dropped. Not below `capacity`.
   * @default Infinity
   */
  readonly maxLag?: number | undefined
  /**
   * Values of one key are worked on one by one, in order; others run beside them. @default none:
   * any value may run beside any other
   */
  readonly orderBy?: ((value: T) => unknown) | undefined
  /**
   * Calls `onSlow` when work has been running for so long, in milliseconds, and each time it has
   * for as long again. @default never
   */
  readonly slowAfterMs?: number | undefined
  /** Is told of work that is still running. */
  readonly onSlow?: ((value: T, runningMs: number) => void) | undefined
  /** Is told of each value that is given up. */
  readonly onDrop?: ((value: T) => void) | undefined
}

export const queueShape = {
  capacity: defaultsTo(count, 1024),
  concurrency: defaultsTo(count, 1),
  overflow: defaultsTo(oneOf('pause', 'drop-oldest', 'drop-newest', 'error'), 'pause'),
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
