import { hash } from 'node:crypto'
import type { RedisCommands } from '../../redis-client/client.js'
import { listOf } from '../../redis-client/replies.js'
import { Script } from '../../redis-client/script.js'
import type { Appended, Ids } from './ids.js'
import { packRows } from './pack-rows.js'
import type { Row } from './row.js'
import { STREAM_LUA } from './stream-lua.js'

/** The last entries that are always remembered; up to twice as many may be. */
const WINDOW = 100_000
// Longer than a source is silent: a batch number that expired looks like a loss, and costs a
// comparison of all recent entries.
const NUMBER_SECONDS = 7 * 24 * 3600

/**
 * Adds rows whose names are in neither of two sets. One set fills up to the window, or a batch
 * above it; then the other is emptied, and fills. The same script saves the number of this writer's
 * batch: if another number is found there, Redis has lost what was written after it.
 *
 * KEYS: stream, both sets, the number. ARGV: the number of the last batch or '', the number of this
 * one, the window, how long a number is kept, the length to trim to or '', the entries ever added
 * as of the last batch (which Redis counts from 7 on), and the rows, if any.
 */
const APPEND = new Script(`
local stream, one, other, mark = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local known, this, window = ARGV[1], ARGV[2], tonumber(ARGV[3])
local seconds, maxlen, grown, data = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]
${STREAM_LUA.add}${STREAM_LUA.look}
if not data then
  local last = look()
  if last.err then return last end
  local refused = forbidden()
  if refused then return refused end
  -- A command that failed after XADD would leave an entry without its name. So each is tried
  -- first, on the key that is ours alone.
  redis.call('SCARD', one)
  redis.call('SCARD', other)
  redis.call('SADD', mark, this)
  redis.call('SMISMEMBER', mark, this)
  redis.call('SET', mark, this, 'EX', seconds)
  redis.call('GET', mark)
  redis.call('DEL', mark)
  return {'done', '', 0, 0}
end
local function added()
  if redis.call('EXISTS', stream) == 0 then return 0 end
  return map(redis.call('XINFO', 'STREAM', stream))['entries-added'] or grown
end
local found, size = redis.call('GET', mark) or '', added()
if found ~= this and found ~= known then return {'lost', found, 0, size} end
-- The stream may be evicted without its names, which would then count as entries that are there.
-- Checked only when the number is ours: a batch that comes late must not forget later entries.
if size < grown or size == 0 then redis.call('DEL', one, other) end
if size < grown or (found == this and size == 0) then return {'lost', found, 0, size} end
if found == this then return {'done', found, 0, size} end
local ones = redis.call('SCARD', one)
if ones >= window then one, other, ones = other, one, redis.call('SCARD', other) end
local at, names, fields, values = 1, {}, {}, {}
while at < #data do
  local i = #names + 1
  names[i], fields[i], values[i], at = row(at)
end
-- Asked and added at once: a call for each name would cost as much as its entry.
local in_one = redis.call('SMISMEMBER', one, unpack(names))
local in_other = redis.call('SMISMEMBER', other, unpack(names))
local new, isNew, failed = {}, {}, nil
for i, name in ipairs(names) do
  if in_one[i] == 0 and in_other[i] == 0 and not isNew[name] then
    local reply = add('*', fields[i], values[i])
    if reply.err then failed = reply break end
    new[#new + 1], isNew[name] = name, true
  end
end
if #new > 0 then redis.call('SADD', one, unpack(new)) end
if ones + #new >= window then redis.call('DEL', other) end
if failed then return failed end
redis.call('SET', mark, this, 'EX', seconds)
return {'done', this, #new, added()}
`)

/** Lets Redis make the ids. The names of the last entries lie beside the stream. */
export class RedisIds implements Ids {
  readonly #keys: readonly string[]
  /** The number of the last batch that Redis confirmed. */
  #known = ''
  #added = 0
  // A batch keeps its number until Redis has replied: sending it again gives the reply that was
  // lost.
  #number = 1

  constructor(
    private readonly commands: RedisCommands,
    stream: string,
    private readonly maxLen: number,
    private readonly timeoutMs: number,
    private readonly window = WINDOW,
  ) {
    const tagged = /\{[^}]+\}/.test(stream) ? stream : `{${stream}}`
    this.#keys = [
      stream,
      `${tagged}:written:0`,
      `${tagged}:written:1`,
      `${tagged}:writer:${crypto.randomUUID()}`,
    ]
  }

  async open(): Promise<void> {
    await this.#run([])
  }

  async append(rows: readonly Row[]): Promise<Appended> {
    for (const row of rows) row.id ||= this.#nameOf(row)
    const [kind, known, written, added] = await this.#run(rows)
    this.#known = String(known)
    this.#added = Number(added)
    this.#number += 1
    if (kind === 'lost') return { kind, isKept: () => false }
    return {
      kind: 'done',
      done: rows.length,
      written: Number(written),
      duplicates: rows.length - Number(written),
    }
  }

  async #run(rows: readonly Row[]): Promise<readonly unknown[]> {
    const maxLen = Number.isFinite(this.maxLen) ? String(this.maxLen) : ''
    const state = [
      this.#known,
      String(this.#number),
      String(this.window),
      String(NUMBER_SECONDS),
      maxLen,
      String(this.#added),
    ]
    const args = rows.length === 0 ? state : [...state, packRows(rows)]
    return listOf(await APPEND.run(this.commands, this.#keys, args, this.timeoutMs))
  }

  /** Equal for the same event of the same host, and short: Redis keeps 200,000 of them. */
  #nameOf({ place: { host, position, index, copy }, field }: Row): string {
    return digest(`${host} ${position} ${index} ${copy} ${field[1]}`)
  }
}

/** 96 bits. One call of OpenSSL takes a third of the time of a loop over the text. */
const digest = (text: string): string => hash('sha1', text, 'base64').slice(0, 16)
