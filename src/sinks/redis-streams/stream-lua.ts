import { LUA } from '../../redis-client/lua.js'

/** Pieces that the scripts of the sink share. They need `stream` and `maxlen`. */
export const STREAM_LUA = {
  /**
   * Adds an entry whose fields are in `ARGV` from `at` on: how many, then each. Returns the
   * reply, and the index after the fields.
   */
  add: `
local function add(id, at)
  local first, last = at + 1, at + tonumber(ARGV[at])
  local reply
  if maxlen == '' then
    reply = redis.pcall('XADD', stream, id, unpack(ARGV, first, last))
  else
    reply = redis.pcall('XADD', stream, 'MAXLEN', '~', maxlen, id, unpack(ARGV, first, last))
  end
  return reply, last + 1
end`,

  /**
   * `look` returns the stream's last id, which outlives its entry, and the first id that is left.
   * `forbidden` returns the error that keeps us from adding entries: it tries an id that Redis
   * refuses, but only after it has checked our rights.
   */
  look: `${LUA.map}
local function look()
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if info.err then
    if string.find(info.err, 'no such key') then return '0-0', nil end
    return info
  end
  info = map(info)
  return info['last-generated-id'] or '0-0', info['first-entry'] and info['first-entry'][1]
end
local function forbidden()
  local reply = redis.pcall('XADD', stream, '0-0', 'a', 'b')
  if not string.find(reply.err, '0-0', 1, true) then return reply end
end`,
} as const
