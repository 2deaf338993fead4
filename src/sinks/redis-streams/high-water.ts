import { asyncScheduler } from 'rxjs'
import { RedisRefusedError } from '../../errors.js'
import type { RedisCommand, RedisCommands } from '../../redis-client/client.js'
import { listOf, pairsOf } from '../../redis-client/replies.js'
import { Script } from '../../redis-client/script.js'

/**
 * Counts the entries behind an id: what Redis itself cannot say of a group whose entries were
 * deleted or trimmed unread, or before Redis 7. ARGV: the id, the limit. Answers with the id of the
 * last one, too.
 */
const COUNT = new Script(`
local count, last = 0, ARGV[1]
while count < tonumber(ARGV[2]) do
  local entries = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', '1000')
  if #entries == 0 then break end
  count, last = count + #entries, entries[#entries][1]
end
return {count, last}`)

// Some 20 ms in which Redis serves nobody else.
const COUNTED_AT_ONCE = 10_000

/**
 * What was counted of a group, and holds until more entries leave the stream: by so many is Redis's
 * `lag` too large.
 */
interface Counted {
  readonly gone: number
  readonly excess: number
}

/** Knows whether consumers are too far behind. */
export class HighWater {
  /**
   * What the slowest group has to read, of all streams together, and what was written since it was
   * counted.
   */
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
    const unread = await Promise.all(
      listOf(groups).map((group) =>
        this.#unreadBy(stream, Number(length), new Map(pairsOf(group))),
      ),
    )
    return unread.length === 0 ? Number(length) : Math.max(...unread)
  }

  /**
   * Redis's `lag` is never too small. It is too large, for ever, by what left the stream before the
   * group had read it: so it is believed while nothing has left, or while it holds nobody up.
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
    // One that met the limit says nothing of the rest.
    if (count < this.#enough) this.#counted.set(name, { gone, excess: Number(lag) - count })
    return count
  }

  /** So many are too many, and then some: what is read meanwhile need not be counted again. */
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

/** A stream that nobody has written to yet is no mistake. */
const isAbsent = (error: Error): boolean =>
  error instanceof RedisRefusedError && error.message.includes('no such key')
