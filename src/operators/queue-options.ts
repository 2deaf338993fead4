import * as z from 'zod/mini'
import { checkShape, Issues } from '../options/shapes.js'

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

const isCount = (value: unknown): boolean =>
  value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && Number(value) > 0)
// Not a union: that would say "Invalid input" of a number that fits one branch but for its value.
const count = z.custom<number>(isCount, 'must be a whole number above 0, or Infinity')
const callback = z.custom((value) => typeof value === 'function', 'must be a function')
export const milliseconds = z
  .number('must be a number of milliseconds')
  .check(z.positive('must be above 0'))

export const queueShape = {
  capacity: z.optional(count),
  concurrency: z.optional(count),
  overflow: z.optional(
    z.enum(
      ['pause', 'drop-oldest', 'drop-newest', 'error'],
      "must be 'pause', 'drop-oldest', 'drop-newest' or 'error'",
    ),
  ),
  maxLag: z.optional(count),
  orderBy: z.optional(callback),
  slowAfterMs: z.optional(milliseconds),
  onSlow: z.optional(callback),
  onDrop: z.optional(callback),
}

export { callback, count }

/**
 * Throws `ConfigError` with every mistake in an operator's options, after those already in
 * `issues`.
 */
export function checkOptions(
  operator: string,
  schema: z.ZodMiniType,
  options: QueueOptions<never>,
  issues = new Issues(),
): void {
  checkShape(schema, options, issues)
  const { capacity = 1024, maxLag = Number.POSITIVE_INFINITY } = options ?? {}
  const told = issues.all.some(({ option }) => option === 'maxLag' || option === 'capacity')
  if (!told && maxLag < capacity)
    issues.add('maxLag', `must not be below \`capacity\` (${capacity}), not ${maxLag}`)
  issues.throwIfAny(operator)
}
