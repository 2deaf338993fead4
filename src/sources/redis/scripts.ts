import { LUA } from '../../redis-client/lua.js'
import { Script } from '../../redis-client/script.js'

const LIBRARY = `${LUA.map}${LUA.before}
local function group(key, name)
  for _, one in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    one = map(one)
    if one['name'] == name then return one end
  end
end
`

/**
 * KEYS: stream. ARGV: group, where it begins, the last id that this process has read, or ''.
 * Creates the group where it is absent. Returns 'existed', 'created', 'recreated-behind-log' (the
 * log goes on after the last id read) or 'recreated-empty' (it ends before it).
 */
export const BEGIN = new Script(`${LIBRARY}
local key, name, from, last = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local info = { ['entries-added'] = 0, length = 0, ['last-generated-id'] = '0-0' }
if redis.call('EXISTS', key) == 1 then
  if group(key, name) then return 'existed' end
  info = map(redis.call('XINFO', 'STREAM', key))
end
local answer = 'created'
if last ~= '' then
  if before(info['last-generated-id'], last) then
    from, answer = 'oldest', 'recreated-empty'
  else
    from, answer = last, 'recreated-behind-log'
  end
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
// unknown); or nothing. Redis 7 keeps the counts that tell trimmed entries from read ones; 6.2
// lacks them, and reports no gap. A group's own count misses what it skips, so that it is corrected
// here: only the first consumer to look reports the gap.
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

/** KEYS: stream. ARGV: group. Returns what was trimmed. */
export const TRIMMED = new Script(`${GAP}
return gap(KEYS[1], ARGV[1])
`)

/**
 * Like TRIMMED, but asked after a read. Its entries count as read: what was trimmed before them no
 * longer shows in the group's position, only in its count. While an older entry than theirs is
 * left, nothing is missing, since the oldest go first.
 *
 * KEYS: stream. ARGV: group, the last id that this process had read before, the first id of the
 * read.
 */
export const TRIMMED_BEFORE = new Script(`${LIBRARY}
local key, name, before_it, first = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if redis.call('EXISTS', key) == 0 then return {} end
local info = map(redis.call('XINFO', 'STREAM', key))
local added, me = info['entries-added'], group(key, name)
if not added or not me or not me['entries-read'] then return {} end
if info['first-entry'] and before(info['first-entry'][1], first) then return {} end
local last = me['last-delivered-id']
local left = #redis.call('XRANGE', key, '-', last, 'COUNT', 10000)
local read = added - info['length'] + left
local missing = read - me['entries-read']
if missing <= 0 then return {} end
redis.call('XGROUP', 'SETID', key, name, last, 'ENTRIESREAD', read)
return { before_it, first, missing }
`)

/**
 * KEYS: stream, lease. ARGV: group, owner, consumer, how many, the last id that the group has read
 * as far as the consumer knows. Returns what was trimmed, the new entries, and the last id that the
 * group has read; only the id where it is another one; or nothing if the lease has another owner.
 *
 * A client may send a read again whose reply was lost: the entries of the first are pending then,
 * and must come before later ones.
 */
export const READ = new Script(`${GAP}
local stream, lease, name, owner = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
if redis.call('GET', lease) ~= owner then return {} end
if redis.call('EXISTS', stream) == 0 or not group(stream, name) then
  return redis.error_reply('NOGROUP it has vanished')
end
local delivered = group(stream, name)['last-delivered-id']
if delivered ~= ARGV[5] then return { false, false, delivered } end
local trimmed = gap(stream, name)
local me, count = ARGV[3], ARGV[4]
local read = redis.call('XREADGROUP', 'GROUP', name, me, 'COUNT', count, 'STREAMS', stream, '>')
if read then delivered = read[1][2][#read[1][2]][1] end
return { trimmed, read or {}, delivered }
`)

/**
 * KEYS: stream. ARGV: group, consumer, then ids. Delivers those that are still the consumer's once
 * more: another one may have claimed them, and acked them, since they were listed. Returns the id
 * of each, how often it was delivered, and its fields, or 0 if it was deleted.
 */
export const CLAIM_OWN = new Script(`
local stream, name, me, all = KEYS[1], ARGV[1], ARGV[2], {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local mine = redis.call('XPENDING', stream, name, id, id, 1, me)[1]
  if mine then
    local claimed = redis.call('XCLAIM', stream, name, me, 0, id)[1]
    all[#all + 1] = { id, mine[4] + 1, claimed and claimed[2] or 0 }
  end
end
return all
`)

// XCLAIM of a trimmed entry would remove it from the pending ones, and no gap would be reported.
const TOUCH = `
local function touch(id, ...)
  local mine = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])
  if #mine == 0 or #redis.call('XRANGE', KEYS[1], id, id) == 0 then return end
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, ...)
end
`

/**
 * KEYS: stream. ARGV: group, consumer, then ids and how often each was delivered. Keeps the entries
 * that are still the consumer's from being claimed.
 */
export const KEEP = new Script(`${TOUCH}
for i = 3, #ARGV, 2 do touch(ARGV[i], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID') end
`)

/**
 * Like KEEP, but gives the entries back: sets their idle time to ARGV[3] milliseconds, so that any
 * consumer may claim them.
 */
export const GIVE_BACK = new Script(`${TOUCH}
for i = 4, #ARGV, 2 do touch(ARGV[i], 'IDLE', ARGV[3], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID') end
`)

/**
 * KEYS: stream, dead letters. ARGV: group, id, then the dead letter's fields. XADD comes before
 * XACK, since it may fail for lack of memory. An entry that is no longer pending was done by
 * another consumer or moved before; unless it was trimmed, and only we still have it.
 */
export const MOVE_TO_DEAD_LETTER = new Script(`
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if #pending == 0 and #redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2]) > 0 then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return 1
`)
