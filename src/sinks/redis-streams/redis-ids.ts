import { hash } from 'node:crypto'
import type { RedisCommands } from '../../redis-client/client.js'
import { listOf } from '../../redis-client/replies.js'
import { Script } from '../../redis-client/script.js'
import type { Row } from './entry.js'
import type { Appended, Ids } from './ids.js'
import { LUA } from './lua.js'

/** How many of the last entries are known for certain; up to twice as many are. */
const WINDOW = 100_000
// Longer than a source is silent: a mark that ran out looks like a loss, and costs a look at what
// is known to be there.
const MARK_SECONDS = 7 * 24 * 3600

/**
 * Adds rows that are in neither of two sets of names. One set fills up; then the other is emptied,
 * and fills. Each writer keeps the number of its last batch beside them, in the same step: where it
 * is another, Redis has lost what came after it.
 *
 * ARGV: the number of the last batch or '', the number of this one, the window, how long a number
 * is kept, the length to trim to or '', how many entries were ever added when we looked last (which
 * Redis counts from 7 on), then name, number of fields and fields of each row.
 */
const APPEND = new Script(`
local stream, one, other, mark = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local known, this, window, seconds, maxlen, grown = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6])
${LUA.add}${LUA.look}
if #ARGV == 6 then
  local last = look()
  if last.err then return last end
  local refused = forbidden()
  if refused then return refused end
  -- What failed behind an entry would leave it without its name: all of it is tried first, on the key that is ours alone.
  redis.call('SCARD', one)
  redis.call('SCARD', other)
  redis.call('SADD', mark, this)
  redis.call('SISMEMBER', mark, this)
  redis.call('SET', mark, this, 'EX', seconds)
  redis.call('GET', mark)
  redis.call('DEL', mark)
  return {'done', '', 0, 0}
end
local function added()
  if redis.call('EXISTS', stream) == 0 then return 0 end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do if info[i] == 'entries-added' then return info[i + 1] end end
  return grown
end
local found, size = redis.call('GET', mark) or '', added()
if found ~= this and found ~= known then return {'lost', found, 0, size} end
-- The stream may be evicted without its names, which would pass for entries that are there. Only after
-- the number is known to be ours: a batch that comes late must not forget what was written after it.
if size < grown or size == 0 then redis.call('DEL', one, other) end
if size < grown or (found == this and size == 0) then return {'lost', found, 0, size} end
if found == this then return {'done', found, 0, size} end
local ones = redis.call('SCARD', one)
if ones >= window then one, other, ones = other, one, redis.call('SCARD', other) end
local at, written = 7, 0
while at < #ARGV do
  local name, fields = ARGV[at], tonumber(ARGV[at + 1])
  if redis.call('SISMEMBER', one, name) == 1 or redis.call('SISMEMBER', other, name) == 1 then
    at = at + 2 + fields
  else
    local reply
    reply, at = add('*', at + 1)
    if reply.err then return reply end
    redis.call('SADD', one, name)
    written, ones = written + 1, ones + 1
    if ones >= window then
      redis.call('DEL', other)
      one, other, ones = other, one, 0
    end
  end
end
redis.call('SET', mark, this, 'EX', seconds)
return {'done', this, written, added()}
`)

/**
 * Ids that Redis makes. What is known of the last entries lies beside the stream, under its hash
 * tag.
 */
export class RedisIds implements Ids {
  readonly #keys: readonly string[]
  /** The number of the last batch that Redis said to have. */
  #known = ''
  #added = 0
  // A batch keeps its number until Redis has answered it: so an answer that got lost is had by
  // asking again.
  #number = 1
  readonly #hosts = new Map<string, string>()

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
    const args = [
      this.#known,
      String(this.#number),
      String(this.window),
      String(MARK_SECONDS),
      maxLen,
      String(this.#added),
    ]
    for (const { id, fields } of rows) args.push(id, String(fields.length), ...fields)
    return listOf(await APPEND.run(this.commands, this.#keys, args, this.timeoutMs))
  }

  /** The same for the same event of the same host, and short: there are 200,000 of them. */
  #nameOf({ place: { host, position, index, copy }, fields }: Row): string {
    const from = this.#hosts.get(host) ?? digest(host)
    this.#hosts.set(host, from)
    // The first is the name of a field, and the same each time: a single value is hashed as it is.
    return `${from}:${position}:${index}:${copy}:${digest(fields.slice(1).join('\n'))}`
  }
}

/** 96 bits. One call of OpenSSL takes a third of the time that a loop over the text does. */
const digest = (text: string): string => hash('sha1', text, 'base64').slice(0, 16)
