import { RedisUnavailableError } from '../../errors.js'
import type { RedisCommands } from '../../redis-client/client.js'
import type { Row } from './entry.js'
import type { Ids } from './ids.js'
import type { SinkCounts } from './metrics.js'
import { Recent } from './recent.js'

// What one script may add: some milliseconds in which Redis serves nobody else,
const ROWS_AT_ONCE = 1000
// and so little that a slow line has it there in time: what comes too late is sent again, and would
// be too late for ever.
const TEXT_AT_ONCE = 4 * 1024 * 1024

// How often entries are written again at once before anything new is.
const REWRITES_IN_A_ROW = 2

const lostAgain = (stream: string, times: number): RedisUnavailableError =>
  new RedisUnavailableError(
    `Redis lost \`${stream}\` ${times} times before anything new was written: it evicts keys, or somebody deletes them; \
set \`maxmemory-policy\` to noeviction, and raise \`maxmemory\` or set \`maxLen\``,
    'LOST',
  )

/** Writes to one stream: all that is added, in order, whatever Redis forgets meanwhile. */
export class StreamWriter {
  /** What is not in Redis yet. The first `#lost` were before. */
  #pending: Row[] = []
  #lost = 0
  // More may be lost than is kept, until one of them turns out to be there still.
  #isHole = false
  readonly #recent: Recent<Row>
  // How often Redis lost entries since the last one was written that is new.
  #losses = 0
  #opened = false
  #troubled = false

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

  /** Writes all that waits. After an error it goes on where it was, called again. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return
    // What Redis did not answer may wait in its client still: a batch with each attempt would fill
    // the memory.
    if (this.#troubled) await this.commands.send(['EXISTS', this.stream], this.timeoutMs)
    this.#troubled = true
    while (this.#pending.length > 0) await this.#append()
    this.#troubled = false
  }

  async #append(): Promise<void> {
    const answer = await this.ids.append(this.#pending.slice(0, this.#countAtOnce()))
    if (answer.kind === 'done') return this.#settle(answer.done, answer.written, answer.duplicates)
    this.#restore(answer.isKept)
    this.#losses += 1
    // A crash loses once. What is lost again and again is evicted, and each rewrite evicts more.
    if (this.#losses > REWRITES_IN_A_ROW) throw lostAgain(this.stream, this.#losses)
  }

  /** One, however large it is. */
  #countAtOnce(): number {
    let text = 0
    const last = this.#pending.slice(0, ROWS_AT_ONCE).findIndex(({ fields }) => {
      text += fields.reduce((sum, { length }) => sum + length, 0)
      return text > TEXT_AT_ONCE
    })
    return last === -1 ? ROWS_AT_ONCE : Math.max(1, last)
  }

  #settle(done: number, written: number, duplicates: number): void {
    for (const row of this.#pending.splice(0, done)) this.#recent.push(row)
    const restored = Math.min(this.#lost, done)
    this.#lost -= restored
    // What comes behind it is new.
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

  /** Puts what Redis has lost in front of what waits. */
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
