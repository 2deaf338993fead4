import * as z from '#schema'
import { callback, defaultsTo, delay, oneOf, optional } from './pieces.js'

/** The delays between attempts that fail. */
export interface BackoffOptions {
  /**
   * The delay before the first retry, in milliseconds.
   * @default 1000
   */
  readonly initialDelayMs?: number | undefined
  /**
   * The longest delay, in milliseconds.
   * @default 60_000
   */
  readonly maxDelayMs?: number | undefined
  /**
   * The factor by which each retry multiplies the delay.
   * @default 2
   */
  readonly multiplier?: number | undefined
  /**
   * `'full'`: a random part of the delay, so that many clients do not retry at the same moment.
   * @default 'full'
   */
  readonly jitter?: 'full' | 'none' | undefined
  /**
   * The source of randomness: returns a number in [0, 1).
   * @default Math.random
   */
  readonly random?: (() => number) | undefined
}

const MULTIPLIER = z.number('must be a number').check(z.gte(1, 'must be at least 1'))

/** The members of {@link BackoffOptions}; `defaults`: where the option has its own. */
export const backoffShape = ({
  initialDelayMs = 1000,
  maxDelayMs = 60_000,
}: Pick<BackoffOptions, 'initialDelayMs' | 'maxDelayMs'> = {}) => ({
  initialDelayMs: defaultsTo(delay, initialDelayMs),
  maxDelayMs: defaultsTo(delay, maxDelayMs),
  multiplier: optional(MULTIPLIER),
  jitter: optional(oneOf('full', 'none')),
  random: optional(callback),
})

/** An option of {@link BackoffOptions}. `defaults`: its own default delays. */
export const backoff = (defaults: Pick<BackoffOptions, 'initialDelayMs' | 'maxDelayMs'> = {}) => {
  const piece = z.strictObject(backoffShape(defaults), 'must be an object of backoff options')
  return defaultsTo(piece, z.parse(piece, {}))
}

/** The delay before retry number `attempt`, from 1, in whole milliseconds. */
export function backoffMs(attempt: number, options: BackoffOptions = {}): number {
  const {
    initialDelayMs = 1000,
    maxDelayMs = 60_000,
    multiplier = 2,
    jitter = 'full',
    random = Math.random,
  } = options
  // After some thousand attempts the power is Infinity, and 0 times Infinity is NaN.
  const delay = Math.min(
    maxDelayMs,
    initialDelayMs * Math.min(multiplier ** (attempt - 1), Number.MAX_VALUE),
  )
  return Math.floor(jitter === 'none' ? delay : delay * random())
}
