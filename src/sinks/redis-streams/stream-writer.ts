import { RedisUnavailableError } from '../../errors.js'
import type { RedisCommands } from '../../redis-client/client.js'
import type { Ids } from './ids.js'
import type { SinkCounts } from './metrics.js'
import { Recent } from './recent.js'
import type { Row } from './row.js'

// One script may add so many rows: it keeps Redis from serving other clients for milliseconds.
const ROWS_AT_ONCE = 1000
// And so much text, which a slow line carries in time: what exceeds the deadline is sent again, and
// would exceed it each time.
const TEXT_AT_ONCE = 4 * 1024 * 1024

// How often in a row lost entries are written again, without anything new in between.
const REWRITES_IN_A_ROW = 2

const lostAgain = (stream: string, times: number): RedisUnavailableError =>
  new RedisUnavailableError(
    `Redis lost \`${stream}\` ${times} times before anything new was written: \
it evicts keys, or somebody deletes them; \
set \`maxmemory-policy\` to noeviction, and raise \`maxmemory\` or set \`maxLen\``,
    'LOST',
  )

/** Writes rows to one stream, in order, also those that Redis loses meanwhile. */
export class StreamWriter {
  /** Rows that are not in Redis. The first `#lost` of them were there before. */
  #pending: Row[] = []
  #lost = 0
  // More may be lost than is kept here, until one kept row turns out to be in Redis still.
  #isHole = false
  readonly #recent: Recent<Row>
  // How often Redis lost entries since a new one was last written.
  #losses = 0
  #opened = false
  #isUnfinished = false

  constructor(
    private readonly commands: RedisCommands,
    private readonly stream: string,
    private readonly ids: Ids,
    rewrite: number,
    private readonly timeoutMs: number,
    private readonly counts: SinkCounts,
  ) {
    this.#recent = new Recent(rewrite)
  }

  async open(): Promise<void> {
    if (this.#opened) return
    await this.ids.open()
    this.#opened = true
  }

  add(row: Row): void {
    this.#pending.push(row)
  }

  /** Writes all rows. Called again after an error, it goes on where it stopped. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return
    // The last batch may still wait in the client: one more batch with each attempt would fill the
    // memory. So a small question goes first.
    if (this.#isUnfinished) await this.commands.send(['EXISTS', this.stream], this.timeoutMs)
    this.#isUnfinished = true
    while (this.#pending.length > 0) await this.#append()
    this.#isUnfinished = false
  }

  async #append(): Promise<void> {
    const answer = await this.ids.append(this.#pending.slice(0, this.#countAtOnce()))
    if (answer.kind === 'done') return this.#settle(answer.done, answer.written, answer.duplicates)
    this.#restore(answer.isKept)
    this.#losses += 1
    // A crash loses entries once. Repeated losses are evictions, and each rewrite evicts more.
    if (this.#losses > REWRITES_IN_A_ROW) throw lostAgain(this.stream, this.#losses)
  }

  /** At least one, however large it is. */
  #countAtOnce(): number {
    let text = 0
    const last = this.#pending.slice(0, ROWS_AT_ONCE).findIndex(({ field: [name, value] }) => {
      text += name.length + value.length
      return text > TEXT_AT_ONCE
    })
    return last === -1 ? ROWS_AT_ONCE : Math.max(1, last)
  }

  #settle(done: number, written: number, duplicates: number): void {
    for (const row of this.#pending.splice(0, done)) this.#recent.push(row)
    const restored = Math.min(this.#lost, done)
    this.#lost -= restored
    // The rows after the lost ones are new.
    const rewritten = Math.max(0, written - (done - restored))
    if (rewritten < restored) this.#isHole = false
    if (this.#lost === 0 && this.#isHole) {
      this.#isHole = false
      this.counts.holes += 1
    }
    this.counts.rewritten += rewritten
    this.counts.written += written - rewritten
    if (written > rewritten) this.#losses = 0
    this.counts.duplicates += duplicates - (restored - rewritten)
  }

  /** Puts the rows that Redis lost before those that wait. */
  #restore(isKept: (row: Row) => boolean): void {
    const recent = this.#recent.all
    const lost = recent.filter((row) => !isKept(row))
    this.#isHole = lost.length === recent.length && this.#recent.forgot
    this.#recent.clear()
    for (const row of recent) if (isKept(row)) this.#recent.push(row)
    this.#pending = [...lost, ...this.#pending]
    this.#lost += lost.length
  }
}
