/** How long to wait before the next attempt, when nothing has come of the last ones. */
export interface BackoffOptions {
  /** The delay before the first retry. @default 1000 */
  readonly initialDelayMs?: number | undefined
  /** No delay is longer. @default 60_000 */
  readonly maxDelayMs?: number | undefined
  /** What each retry multiplies the delay by. @default 2 */
  readonly multiplier?: number | undefined
  /**
   * `'full'`: a random part of the delay, so that many clients do not come back at once.
   * @default 'full'
   */
  readonly jitter?: 'full' | 'none' | undefined
  /** Where chance comes from: a number in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined
}

/** The delay before retry number `attempt`, from 1, in milliseconds. */
export function backoffMs(attempt: number, options: BackoffOptions = {}): number {
  const {
    initialDelayMs = 1000,
    maxDelayMs = 60_000,
    multiplier = 2,
    jitter = 'full',
    random = Math.random,
  } = options
  // The power is Infinity after some thousand attempts, and that times a first delay of 0 is no
  // number.
  const delay = Math.min(
    maxDelayMs,
    initialDelayMs * Math.min(multiplier ** (attempt - 1), Number.MAX_VALUE),
  )
  return jitter === 'none' ? delay : delay * random()
}
