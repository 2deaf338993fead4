import { asyncScheduler } from 'rxjs'
import { RedisRefusedError } from '../../errors.js'
import type { RedisCommand, RedisCommands } from '../../redis-client/client.js'
import { listOf, pairsOf } from '../../redis-client/replies.js'
import { Script } from '../../redis-client/script.js'

/**
 * Counts the entries after an id. Redis itself cannot, before version 7, or for a group whose
 * entries were deleted or trimmed unread. ARGV: the id, the limit. Returns the last id too.
 */
const COUNT = new Script(`
local count, last = 0, ARGV[1]
while count < tonumber(ARGV[2]) do
  local entries = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', '1000')
  if #entries == 0 then break end
  count, last = count + #entries, entries[#entries][1]
end
return {count, last}`)

// Keeps Redis from serving other clients for some 20 ms.
const COUNTED_AT_ONCE = 10_000

/**
 * By how much Redis's `lag` of a group is too large. Valid until more entries leave the stream
 * unread: until `gone` changes.
 */
interface Counted {
  readonly gone: number
  readonly excess: number
}

/** Tells whether consumers are too far behind. */
export class HighWater {
  /** What the slowest groups have to read, of all streams, including what was written since. */
  unread = 0
  #checkedAt = Number.NEGATIVE_INFINITY
  readonly #counted = new Map<string, Counted>()

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

  /** Whether the sink must wait. Asks Redis only at intervals, or when the mark seems reached. */
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
    const unread = await Promise.all(
      listOf(groups).map((group) =>
        this.#unreadBy(stream, Number(length), new Map(pairsOf(group))),
      ),
    )
    return unread.length === 0 ? Number(length) : Math.max(...unread)
  }

  /**
   * Redis's `lag` is never too small, but stays too large by the entries that left the stream
   * unread. So it is used while nothing has left, or while even the larger number stops nothing.
   */
  async #unreadBy(
    stream: string,
    length: number,
    group: ReadonlyMap<string, unknown>,
  ): Promise<number> {
    const from = String(group.get('last-delivered-id'))
    const lag = group.get('lag') ?? undefined
    if (lag === undefined) return this.#count(stream, from)
    const gone = Number(lag) + Number(group.get('entries-read')) - length
    if (gone === 0 || Number(lag) < this.mark / this.streams.length)
      return Math.min(Number(lag), length)
    const name = `${stream} ${group.get('name')}`
    const known = this.#counted.get(name)
    if (known?.gone === gone) return Number(lag) - known.excess
    const count = await this.#count(stream, from)
    // A count that met the limit says nothing of the rest.
    if (count < this.#enough) this.#counted.set(name, { gone, excess: Number(lag) - count })
    return count
  }

  /** More than the mark: what is read meanwhile need not be counted again. */
  get #enough(): number {
    return 2 * this.mark
  }

  async #count(stream: string, from: string): Promise<number> {
    let count = 0
    for (let last = from; count < this.#enough; ) {
      const counted = await COUNT.run(
        this.commands,
        [stream],
        [last, String(COUNTED_AT_ONCE)],
        this.timeoutMs,
      )
      const [more, id] = listOf(counted)
      if (Number(more) === 0) break
      count += Number(more)
      last = String(id)
    }
    return count
  }

  async #ask(...commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    const replies = await this.commands.pipeline(commands, this.timeoutMs)
    for (const reply of replies) if (reply instanceof Error && !isAbsent(reply)) throw reply
    return replies
  }
}

/** A stream may not exist before the first write. */
const isAbsent = (error: Error): boolean =>
  error instanceof RedisRefusedError && error.message.includes('no such key')
