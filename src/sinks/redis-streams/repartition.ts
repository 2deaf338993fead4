import { asyncScheduler, defer, filter, firstValueFrom, repeat } from 'rxjs'
import { RedisConflictError, RedisUnavailableError } from '../../errors.js'
import { checkShape } from '../../options/check-shape.js'
import { Issues } from '../../options/issues.js'
import { defaultsTo, milliseconds, name } from '../../options/pieces.js'
import type { RedisClient, RedisCommands } from '../../redis-client/client.js'
import { redisCommands } from '../../redis-client/commands.js'
import { partitionCount, redisClient } from '../../redis-client/options.js'
import { changeLayout, readLayout } from '../../redis-client/partition-layout.js'

/** What {@link repartition} changes. */
export interface RepartitionOptions {
  /** The name of the stream, as `toRedisStream` and `redisStream$` have it. */
  readonly stream: string
  /** How many partitions it has. */
  readonly from: number
  /** How many it is to have. */
  readonly to: number
  /**
   * How long the change may take, in milliseconds: consumers first read what is there.
   * @default 600_000
   */
  readonly timeoutMs?: number | undefined
}

const shape = {
  stream: name,
  from: partitionCount,
  to: partitionCount,
  timeoutMs: defaultsTo(milliseconds, 600_000),
}

const ASK_EVERY_MS = 100

/**
 * Changes the number of a stream's partitions while its writer and its consumers run, and keeps the
 * order of each DID. Resolves when the change is made.
 *
 * The writer does it: it stops writing, and pauses its source, until every group has acked what is
 * there, and goes on with the new number. Consumers follow within a third of their `leaseMs`. All
 * of them follow the number in Redis from then on, whatever `partitions` of their own says. For a
 * writer with `ids: 'position'` and `partitions`.
 *
 * **Errors**: {@link ConfigError} for mistakes. Rejects with `RedisConflictError` if the stream has
 * another number than `from` or is being changed to another one, and with `RedisUnavailableError`
 * after `timeoutMs`: nothing is changed then. It may be called again at any time, also after a
 * crash.
 *
 * @example
 * ```ts
 * await repartition(redis, { stream: 'firehose_live', from: 8, to: 16 })
 * ```
 */
export async function repartition(client: RedisClient, options: RepartitionOptions): Promise<void> {
  const issues = new Issues()
  const known = { client: redisClient, ...shape }
  const { timeoutMs, ...change } = checkShape(known, { ...options, client }, issues)
  issues.throwIfAny('repartition')
  const commands = redisCommands(client)
  const until = asyncScheduler.now() + timeoutMs
  // One after the other: a look that overlaps with the withdrawal would ask for the change again.
  const looks$ = defer(() =>
    asyncScheduler.now() < until
      ? isChanged(commands, change).catch(falseInOutage)
      : withdraw(commands, change),
  ).pipe(repeat({ delay: ASK_EVERY_MS }))
  await firstValueFrom(looks$.pipe(filter((changed) => changed)))
}

interface Change {
  readonly stream: string
  readonly from: number
  readonly to: number
}

/** Asks for the change where nobody has. */
async function isChanged(commands: RedisCommands, { stream, from, to }: Change): Promise<boolean> {
  const found = await readLayout(commands, stream)
  const { count, next } = found ?? { count: from }
  if (count === to && next === undefined) return true
  if (count !== from)
    throw new RedisConflictError(`\`${stream}\` has ${count} partitions, and not ${from}`)
  if (next !== undefined && next !== to)
    throw new RedisConflictError(`\`${stream}\` is being changed to ${next} partitions`)
  if (next === undefined) await changeLayout(commands, stream, found, { ...found, count, next: to })
  return false
}

/** Takes the wish back, unless it was fulfilled just now. */
async function withdraw(commands: RedisCommands, { stream, to }: Change): Promise<boolean> {
  const found = await readLayout(commands, stream)
  if (found?.count === to) return true
  if (found !== undefined) {
    const { next: _next, ...before } = found
    await changeLayout(commands, stream, found, before)
  }
  throw new RedisUnavailableError(
    `\`${stream}\` was not changed to ${to} partitions in time: its consumers have not read all, \
or no \`toRedisStream\` with \`partitions\` and ids of positions writes to it`,
    'TIMEOUT',
  )
}

/** An outage may pass in time. */
function falseInOutage(error: unknown): false {
  if (!(error instanceof RedisUnavailableError)) throw error
  return false
}
