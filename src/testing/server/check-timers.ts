import * as z from '#schema'
import { checkShape } from '../../options/check-shape.js'
import { Issues } from '../../options/issues.js'
import { LONGEST_TIMER_MS, milliseconds } from '../../options/pieces.js'

/** The interval of a timer, above 0; Infinity: there is no timer. */
export const period = z.custom<number>(
  (value) => value === Number.POSITIVE_INFINITY || z.safeParse(milliseconds, value).success,
  `must be a number of milliseconds above 0 and at most ${LONGEST_TIMER_MS}, or Infinity`,
)

/**
 * Checks options that timers wait for, by their names; `undefined` is the default of each. Node
 * fires a timer at once whose time is too long or not a number, so the fake would behave unlike any
 * server.
 *
 * **Errors**: throws `ConfigError`.
 */
export function checkTimers(
  callee: string,
  piece: z.Schema,
  times: Readonly<Record<string, number | undefined>>,
): void {
  const shape = Object.fromEntries(Object.keys(times).map((name) => [name, z.optional(piece)]))
  const issues = new Issues()
  checkShape(shape, times, issues)
  issues.throwIfAny(callee)
}
