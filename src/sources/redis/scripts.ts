import { Script } from '../../redis-client/script.js'

/**
 * What must be looked at and done in one step, as Lua. Ids are compared as text, by length first:
 * as numbers they would lose their last digits. Redis 7 keeps the counts that tell trimmed entries
 * from read ones; 6.2 lacks them, and tells no gap.
 */
const LIBRARY = `
local function map(list)
  local pairs = {}
  for i = 1, #list, 2 do pairs[list[i]] = list[i + 1] end
  return pairs
end
local function before(a, b)
  local a1, a2 = string.match(a, '(%d+)-(%d+)')
  local b1, b2 = string.match(b, '(%d+)-(%d+)')
  if a1 == b1 then a1, b1 = a2, b2 end
  return #a1 < #b1 or (#a1 == #b1 and a1 < b1)
end
local function group(key, name)
  for _, one in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    one = map(one)
    if one['name'] == name then return one end
  end
end
`

/**
 * KEYS: stream. ARGV: group, where it begins, the last id that this process has read, or ''. Makes
 * the group where it is absent, and answers 'there', 'made', 'again' (the log goes on behind what
 * was read) or 'anew' (it does not).
 */
export const BEGIN = new Script(`${LIBRARY}
local key, name, from, last = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local info = { ['entries-added'] = 0, length = 0, ['last-generated-id'] = '0-0' }
if redis.call('EXISTS', key) == 1 then
  if group(key, name) then return 'there' end
  info = map(redis.call('XINFO', 'STREAM', key))
end
local answer = 'made'
if last ~= '' then
  if before(info['last-generated-id'], last) then from, answer = 'oldest', 'anew' else from, answer = last, 'again' end
end
local id = from
if from == 'oldest' then id = '0' elseif from == 'new' then id = '$' end
local command = { 'XGROUP', 'CREATE', key, name, id, 'MKSTREAM' }
local added = info['entries-added']
if added and (from == 'oldest' or from == 'new') then
  command[7] = 'ENTRIESREAD'
  if from == 'new' then command[8] = added else command[8] = added - info['length'] end
end
redis.call(unpack(command))
return answer
`)

// What was trimmed before the group read it: the id before, the id after, and how many (-1:
// unknown); or nothing. A group's own count does not see what it skips, so that it is set right
// here: the gap is told once, to whoever comes first.
const GAP = `${LIBRARY}
local function gap(key, name)
  if redis.call('EXISTS', key) == 0 then return {} end
  local info = map(redis.call('XINFO', 'STREAM', key))
  local added = info['entries-added']
  local me = group(key, name)
  if not added or not me then return {} end
  local last = me['last-delivered-id']
  local behind = info['last-generated-id']
  if info['first-entry'] then behind = info['first-entry'][1] end
  if not before(last, behind) then return {} end
  local gone, read = added - info['length'], me['entries-read']
  if gone <= (read or 0) or (not read and me['lag'] == 0) then return {} end
  redis.call('XGROUP', 'SETID', key, name, last, 'ENTRIESREAD', gone)
  return { last, behind, read and gone - read or -1 }
end
`

/** KEYS: stream. ARGV: group. Answers what was trimmed. */
export const TRIMMED = new Script(`${GAP}
return gap(KEYS[1], ARGV[1])
`)

/**
 * KEYS: stream, lease. ARGV: group, owner, consumer, how many. Answers what was trimmed, what is
 * new, and the last id that the group has read; or nothing, where the lease is another's.
 */
export const READ = new Script(`${GAP}
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {} end
if redis.call('EXISTS', KEYS[1]) == 0 or not group(KEYS[1], ARGV[1]) then return redis.error_reply('NOGROUP it has vanished') end
local trimmed = gap(KEYS[1], ARGV[1])
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[3], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], '>')
local last = ''
if not read then last = group(KEYS[1], ARGV[1])['last-delivered-id'] end
return { trimmed, read or {}, last }
`)

// A claim of what was trimmed would make it pending no more, and nobody would be told.
const TOUCH = `
local function touch(id, ...)
  local mine = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])
  if #mine == 0 or #redis.call('XRANGE', KEYS[1], id, id) == 0 then return end
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, ...)
end
`

/**
 * KEYS: stream. ARGV: group, consumer, then ids and how often each was delivered. Keeps those that
 * are the consumer's still from being claimed.
 */
export const KEEP = new Script(`${TOUCH}
for i = 3, #ARGV, 2 do touch(ARGV[i], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID') end
`)

/**
 * As KEEP, but for those that are given back: they are idle for ARGV[3] milliseconds from now on,
 * so that anybody may claim them.
 */
export const GIVE_BACK = new Script(`${TOUCH}
for i = 4, #ARGV, 2 do touch(ARGV[i], 'IDLE', ARGV[3], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID') end
`)

/**
 * KEYS: stream, dead letters. ARGV: group, id, then the letter's fields. Written first, acked then:
 * an XADD may fail for want of memory. An entry that is pending no more was done by another
 * consumer, or had this said to it before; unless it was trimmed, and only we have it.
 */
export const BURY = new Script(`
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if #pending == 0 and #redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2]) > 0 then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return 1
`)

/**
 * KEYS: members. ARGV: this member, how long it counts without a sign of life. Answers the members.
 */
export const JOIN = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%d', now))
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
return redis.call('ZRANGE', KEYS[1], 0, -1)
`)

/**
 * KEYS: lease. ARGV: owner, for how long, how the names begin of owners that it may follow. Takes
 * it where it is free, or theirs.
 */
export const LEASE = new Script(`
local owner = redis.call('GET', KEYS[1])
if owner and string.sub(owner, 1, #ARGV[3]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

/** KEYS: lease. ARGV: owner. */
export const RELEASE = new Script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)
