import { RedisConflictError } from '../../errors.js'
import type { RedisCommands } from '../../redis-client/client.js'
import { LUA } from '../../redis-client/lua.js'
import { listOf } from '../../redis-client/replies.js'
import { Script } from '../../redis-client/script.js'
import type { Appended, Ids } from './ids.js'
import type { SinkCounts } from './metrics.js'
import { packRows } from './pack-rows.js'
import type { Row } from './row.js'
import { STREAM_LUA } from './stream-lua.js'

// A position has 53 bits, the first half of an id 64: the rest is the epoch.
const POSITIONS = 2n ** 53n
const LAST_EPOCH = 2047n

/**
 * Adds rows whose id is above the stream's last one. A row at or below it is a duplicate if the
 * stream holds the same field under its id, or if it was trimmed right after we wrote it: the
 * stream's last id is one of this batch, and the row is older than all that is left. (Clients may
 * send a script twice.) For any other row the script stops, and returns 'taken' if the stream ends
 * as we left it, else 'conflict'.
 *
 * ARGV: the last id as we know it, the length to trim to or '', and the rows, if any.
 */
const APPEND = new Script(`
local stream, known, maxlen, data = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
${LUA.before}${STREAM_LUA.add}${STREAM_LUA.look}
local start, first = look()
if start.err then return start end
if not data then return forbidden() or {'done', 0, start, start, 0, 0} end
if before(start, known) then return {'lost', 0, start, start, 0, 0} end
local function same(id, field, value, absent)
  local found = redis.call('XRANGE', stream, id, id)[1]
  if not found then return absent end
  return #found[2] == 2 and found[2][1] == field and found[2][2] == value
end
local function is_ours(id)
  if id == known then return true end
  local at = 1
  while at < #data do
    local other, field, value, after = row(at)
    if other == id then return same(id, field, value, true) end
    at = after
  end
  return false
end
local function was_trimmed(id)
  return before(known, start) and (not first or before(id, first)) and is_ours(start)
end
local at, done, top, written, duplicates = 1, 0, start, 0, 0
while at < #data do
  local id, field, value, after = row(at)
  local reply = add(id, field, value)
  if not reply.err then
    written, top = written + 1, id
  elseif not string.find(reply.err, 'equal or smaller') then
    return reply
  elseif same(id, field, value, false) or was_trimmed(id) then
    duplicates = duplicates + 1
  else
    return {is_ours(start) and 'taken' or 'conflict', done, start, top, written, duplicates}
  end
  at, done = after, done + 1
end
return {'done', done, start, top, written, duplicates}
`)

/** ARGV: rows. Returns, for each, whether the stream has it under its id. */
const FIND = new Script(`
local stream, maxlen, data = KEYS[1], '', ARGV[1]
${STREAM_LUA.add}
local at, all = 1, {}
while at <= #data do
  local id, field, value
  id, field, value, at = row(at)
  local found = redis.call('XRANGE', stream, id, id)[1]
  local same = found and #found[2] == 2 and found[2][1] == field and found[2][2] == value
  all[#all + 1] = same and 1 or 0
end
return all
`)

/**
 * Makes ids of positions: `<position>-<index>`. When the source's log begins again, or the stream
 * holds larger ids from before, ids go on in the next *epoch*, with `epoch * 2^53` added to the
 * position, since a stream only grows. For one writer: the positions of two have no common order.
 */
export class PositionIds implements Ids {
  /** The stream's last id as this writer left it. */
  #top = '0-0'
  #epoch = 0n

  constructor(
    private readonly commands: RedisCommands,
    private readonly stream: string,
    private readonly maxLen: number,
    private readonly timeoutMs: number,
    private readonly counts: SinkCounts,
  ) {}

  async open(): Promise<void> {
    const { start } = await this.#run([])
    this.#top = start
    this.#epoch = BigInt(start.split('-')[0] ?? '0') / POSITIONS
  }

  /** The epoch, and the position, of the stream's last entry. */
  get last(): { readonly epoch: bigint; readonly position: number } {
    const first = BigInt(this.#top.split('-')[0] ?? '0')
    return { epoch: first / POSITIONS, position: Number(first % POSITIONS) }
  }

  /** Which of the rows are in the stream. Leaves them without an id. */
  async find(rows: readonly Row[]): Promise<ReadonlySet<Row>> {
    for (const row of rows) row.id = this.#idOf(row)
    const reply = await FIND.run(this.commands, [this.stream], [packRows(rows)], this.timeoutMs)
    for (const row of rows) row.id = ''
    const found = listOf(reply)
    return new Set(rows.filter((_, index) => Number(found[index]) === 1))
  }

  async append(rows: readonly Row[]): Promise<Appended> {
    for (const row of rows) row.id ||= this.#idOf(row)
    const { kind, done, start, top, written, duplicates } = await this.#run(rows)
    if (kind === 'lost') {
      this.#top = start
      return { kind, isKept: (row) => !isBelow(start, row.id) }
    }
    if (kind === 'conflict') {
      throw new RedisConflictError(
        `another writer has added ${start} to \`${this.stream}\`, above ${rows[done]?.id}; \
give each writer a stream, or choose \`ids: 'redis'\``,
      )
    }
    if (kind === 'taken') this.#beginEpoch(rows.slice(done))
    this.#top = top
    return { kind: 'done', done, written, duplicates }
  }

  async #run(rows: readonly Row[]) {
    const bounds = [this.#top, Number.isFinite(this.maxLen) ? String(this.maxLen) : '']
    const args = rows.length === 0 ? bounds : [...bounds, packRows(rows)]
    const reply = await APPEND.run(this.commands, [this.stream], args, this.timeoutMs)
    const [kind, done, start, top, written, duplicates] = listOf(reply)
    return {
      kind: String(kind),
      done: Number(done),
      start: String(start),
      top: String(top),
      written: Number(written),
      duplicates: Number(duplicates),
    }
  }

  /** Positions went back: the first id of `rest` was used before, by us or another writer. */
  #beginEpoch(rest: readonly Row[]): void {
    if (this.#epoch === LAST_EPOCH) {
      throw new RedisConflictError(
        `positions went back for the ${LAST_EPOCH}th time, and \`${this.stream}\` has no ids left; \
begin a new stream, or choose \`ids: 'redis'\``,
      )
    }
    this.#epoch += 1n
    this.counts.epochs += 1
    for (const row of rest) row.id = ''
  }

  #idOf({ place: { position, index } }: Row): string {
    const first = this.#epoch === 0n ? position : this.#epoch * POSITIONS + BigInt(position)
    // Redis refuses 0-0.
    return `${first}-${position === 0 ? index + 1 : index}`
  }
}

/** Whether entry id `one` is below `other`. */
function isBelow(one: string, other: string): boolean {
  const [a = '', b = ''] = [one, other].map((id) =>
    id
      .split('-')
      .map((part) => part.padStart(20, '0'))
      .join(),
  )
  return a < b
}
