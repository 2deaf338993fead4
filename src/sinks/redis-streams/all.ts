import { RedisUnavailableError } from '../../errors.js'

/** Waits for all, even when one fails: none may still run when they are tried again. */
export async function all(works: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).filter(
    ({ status }) => status === 'rejected',
  ) as readonly PromiseRejectedResult[]
  const reasons = failed.map(({ reason }): unknown => reason)
  // An error that no retry helps comes before one that passes.
  const worst = reasons.find((reason) => !(reason instanceof RedisUnavailableError)) ?? reasons[0]
  if (worst !== undefined) throw worst
}
