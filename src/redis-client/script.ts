import { createHash } from 'node:crypto'
import type { RedisArgument, RedisCommand, RedisCommands } from './client.js'

/**
 * A Lua script, which Redis runs atomically. It is called by its hash: sending 1.7 KB of text with
 * each read would cost more than most entries.
 */
export class Script {
  readonly #sha: string

  constructor(private readonly text: string) {
    this.#sha = createHash('sha1').update(text).digest('hex')
  }

  /**
   * Sends the text only if the server does not know it: at first, and after a restart or failover.
   * `timeoutMs`: as in {@link RedisCommands.send}.
   */
  run(
    commands: RedisCommands,
    keys: readonly string[],
    args: readonly RedisArgument[],
    timeoutMs?: number,
  ): Promise<unknown> {
    return commands.send(this.call(keys, args), timeoutMs).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error
      return commands.send(['EVAL', this.text, ...operands(keys, args)], timeoutMs)
    })
  }

  /**
   * The command, for a pipeline. Check the reply with {@link isUnknownScript}: a pipeline cannot
   * resend the text.
   */
  call(keys: readonly string[], args: readonly RedisArgument[]): RedisCommand {
    return ['EVALSHA', this.#sha, ...operands(keys, args)]
  }
}

const operands = (
  keys: readonly string[],
  args: readonly RedisArgument[],
): readonly RedisArgument[] => [`${keys.length}`, ...keys, ...args]

/** Whether the server did not know the script, and so did nothing. */
export const isUnknownScript = (reply: unknown): boolean =>
  reply instanceof Error && 'reason' in reply && reply.reason === 'NOSCRIPT'
