/** Pieces that the scripts share. */
export const LUA = {
  /**
   * The fields of an entry from `ARGV`: how many, then each. Answers whether the entry was added,
   * and moves `at` behind it.
   */
  add: `
local function add(id, at)
  local last = at + tonumber(ARGV[at])
  if maxlen == '' then return redis.pcall('XADD', stream, id, unpack(ARGV, at + 1, last)), last + 1 end
  return redis.pcall('XADD', stream, 'MAXLEN', '~', maxlen, id, unpack(ARGV, at + 1, last)), last + 1
end`,

  /**
   * The stream's last id, which outlives the entry, and the first entry that is left. An id that
   * Redis always refuses, once it knows that we may add entries, finds out what forbids it.
   */
  look: `
local function look()
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if info.err then
    if string.find(info.err, 'no such key') then return '0-0', nil end
    return info
  end
  local last, first = '0-0', nil
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
    if info[i] == 'first-entry' and info[i + 1] then first = info[i + 1][1] end
  end
  return last, first
end
local function forbidden()
  local reply = redis.pcall('XADD', stream, '0-0', 'a', 'b')
  if not string.find(reply.err, '0-0', 1, true) then return reply end
end`,
} as const
