import * as z from '#schema'
import { CursorStoreError } from '../errors.js'
import { type Logger, logOf } from '../internal/log.js'
import { messageOf } from '../internal/message-of.js'
import { checkShape } from '../options/check-shape.js'
import { log } from '../options/contracts.js'
import { Issues } from '../options/issues.js'
import { defaultsTo, milliseconds, optional } from '../options/pieces.js'
import type { WithDefaults } from '../options/with-defaults.js'
import { clientIssue, isRedisClient, type RedisClient } from '../redis-client/client.js'
import { redisCommands } from '../redis-client/commands.js'
import { evictionPolicy } from '../redis-client/eviction.js'
import type { CursorStore } from './cursor-store.js'
import { shortKey } from './load-position.js'
import { type NewestWins, newestWins } from './newest-wins.js'

/** Where {@link redisCursorStore} keeps positions. */
export interface RedisCursorStoreOptions {
  /**
   * The beginning of each key's name.
   * @default 'cursor:'
   */
  readonly prefix?: string | undefined
  /**
   * How long Redis may take to reply, in milliseconds.
   * @default 5000
   */
  readonly timeoutMs?: number | undefined
  /**
   * Receives one line, at the first load, when this Redis may delete the position to make room for
   * other keys. `false`: nothing is written.
   *
   * @default console
   */
  readonly log?: false | Logger | undefined
}

const shape = {
  prefix: defaultsTo(z.string('must be a string'), 'cursor:'),
  timeoutMs: defaultsTo(milliseconds, 5000),
  log: optional(log),
}

/**
 * Keeps positions in Redis, one key for each stream. If Redis loses its last second in a crash, the
 * position is an older one, and the source delivers the later events again. You close the client.
 *
 * **Errors**: throws {@link ConfigError} at the call if the client or an option is not valid.
 * Rejects with `CursorStoreError` for every failure of Redis: a position that cannot be read never
 * counts as missing.
 *
 * @example
 * ```ts
 * jetstream$({ checkpoint: redisCursorStore(redis, { prefix: 'indexer:cursor:' }) }).subscribe()
 * ```
 */
export function redisCursorStore(
  client: RedisClient,
  options: RedisCursorStoreOptions = {},
): CursorStore {
  const { prefix, timeoutMs, log } = checkedOptions(client, options)
  const commands = redisCommands(client)
  const ask = async (verb: string, command: [name: string, key: string, ...string[]]) => {
    try {
      return await commands.send(command, timeoutMs)
    } catch (cause) {
      throw new CursorStoreError(
        `could not ${verb} the position under ${shortKey(command[1] ?? '')}: ${messageOf(cause)}`,
        { cause },
      )
    }
  }
  const writers = new Map<string, NewestWins<string>>()
  const writerOf = (key: string): NewestWins<string> => {
    const writer =
      writers.get(key) ??
      newestWins(async (position) => void (await ask('save', ['SET', prefix + key, position])))
    writers.set(key, writer)
    return writer
  }
  let isPolicyKnown = false
  /** Nobody waits for it. A position that was evicted looks like a first start. */
  const warnOfEviction = async (key: string): Promise<void> => {
    if (isPolicyKnown) return
    isPolicyKnown = true
    const policy = await evictionPolicy(commands, prefix + key)
    if (policy?.startsWith('allkeys-'))
      logOf(log).warn(
        `Redis may delete the positions under \`${prefix}\` to make room ` +
          `(\`maxmemory-policy\` is ${policy}): set noeviction, or a stream starts anew`,
      )
  }
  return {
    async load(key) {
      void warnOfEviction(key)
      await writers.get(key)?.idle()
      const position = await ask('load', ['GET', prefix + key])
      return position === null || position === undefined ? undefined : String(position)
    },
    save: (key, position) => writerOf(key).push(position),
  }
}

/** Throws `ConfigError` with every mistake. */
function checkedOptions(
  client: RedisClient,
  options: RedisCursorStoreOptions,
): WithDefaults<RedisCursorStoreOptions, typeof shape> {
  const issues = new Issues()
  if (!isRedisClient(client)) issues.add('client', clientIssue(client))
  const filled = checkShape(shape, options, issues)
  issues.throwIfAny('redisCursorStore')
  return filled
}
