import { createHash } from 'node:crypto'
import type { RedisCommand, RedisCommands } from './client.js'

/**
 * A program that runs inside Redis in one step, with no other client's command in between. It is
 * called by its hash: a text of 1.7 KB with each read is more than most entries.
 */
export class Script {
  readonly #sha: string

  constructor(private readonly text: string) {
    this.#sha = createHash('sha1').update(text).digest('hex')
  }

  /**
   * Sends the text only to a server that does not know it: after a restart, or a failover.
   * `timeoutMs` as {@link RedisCommands.send} has it.
   */
  run(
    commands: RedisCommands,
    keys: readonly string[],
    args: readonly string[],
    timeoutMs?: number,
  ): Promise<unknown> {
    return commands.send(this.call(keys, args), timeoutMs).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error
      return commands.send(['EVAL', this.text, ...operands(keys, args)], timeoutMs)
    })
  }

  /**
   * For a pipeline: the reply is {@link isUnknownScript} where the server does not know the text.
   */
  call(keys: readonly string[], args: readonly string[]): RedisCommand {
    return ['EVALSHA', this.#sha, ...operands(keys, args)]
  }
}

const operands = (keys: readonly string[], args: readonly string[]): readonly string[] => [
  `${keys.length}`,
  ...keys,
  ...args,
]

/** Whether a server does not know the text of a script. Nothing was done. */
export const isUnknownScript = (reply: unknown): boolean =>
  reply instanceof Error && 'reason' in reply && reply.reason === 'NOSCRIPT'
