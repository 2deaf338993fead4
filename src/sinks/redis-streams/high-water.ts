import { asyncScheduler } from 'rxjs'
import { RedisRefusedError } from '../../errors.js'
import type { RedisCommand, RedisCommands } from '../../redis/client.js'
import { listOf, pairsOf } from '../../redis/replies.js'

/**
 * Counts the entries behind an id, up to a limit: what Redis itself cannot say of a group whose entries were deleted, or before Redis 7.
 * ARGV: the id, the limit.
 */
const COUNT = `
local count, from = 0, ARGV[1]
while count < tonumber(ARGV[2]) do
  local entries = redis.call('XRANGE', KEYS[1], '(' .. from, '+', 'COUNT', '1000')
  if #entries == 0 then break end
  count, from = count + #entries, entries[#entries][1]
end
return count`

/** Knows whether consumers are too far behind. */
export class HighWater {
  /** What the slowest group has to read, of all streams together, and what was written since it was counted. */
  unread = 0
  #checkedAt = Number.NEGATIVE_INFINITY

  constructor(
    private readonly commands: RedisCommands,
    private readonly streams: readonly string[],
    private readonly mark: number,
    private readonly everyMs: number,
    private readonly timeoutMs: number,
  ) {}

  wrote(entries: number): void {
    this.unread += entries
  }

  /** Whether the sink must wait. Asks Redis when that was long ago, or when it seems so. */
  async isReached(): Promise<boolean> {
    const now = asyncScheduler.now()
    if (this.mark === Number.POSITIVE_INFINITY) return false
    if (now - this.#checkedAt >= this.everyMs || this.unread >= this.mark) {
      const counts = await Promise.all(this.streams.map((stream) => this.#unreadOf(stream)))
      this.unread = counts.reduce((sum, count) => sum + count, 0)
      this.#checkedAt = now
    }
    return this.unread >= this.mark
  }

  async #unreadOf(stream: string): Promise<number> {
    const [length, groups] = await this.#ask(['XLEN', stream], ['XINFO', 'GROUPS', stream])
    const lags = await Promise.all(listOf(groups).map((group) => this.#lagOf(stream, new Map(pairsOf(group)))))
    return lags.length === 0 ? Number(length) : Math.max(...lags)
  }

  /** No group can have more to read than there is: what was trimmed is lost to it. */
  async #lagOf(stream: string, group: ReadonlyMap<string, unknown>): Promise<number> {
    const lag = group.get('lag')
    if (lag !== undefined && lag !== null) return Number(lag)
    const [count] = await this.#ask(['EVAL', COUNT, '1', stream, String(group.get('last-delivered-id')), String(this.mark)])
    return Number(count)
  }

  async #ask(...commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    const replies = await this.commands.pipeline(commands, this.timeoutMs)
    for (const reply of replies) if (reply instanceof Error && !isAbsent(reply)) throw reply
    return replies
  }
}

/** A stream that nobody has written to yet is no mistake. */
const isAbsent = (error: Error): boolean => error instanceof RedisRefusedError && error.message.includes('no such key')
