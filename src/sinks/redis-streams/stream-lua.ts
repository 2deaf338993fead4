import { LUA } from '../../redis-client/lua.js'

/** Pieces that the scripts of the sink share. They need `stream`, `maxlen` and `data`. */
export const STREAM_LUA = {
  /**
   * `row` returns the name, field and value of the row of {@link packRows} at `at`, and where the
   * next one begins. `add` adds an entry, and returns the reply.
   */
  add: `
local function row(at)
  return struct.unpack('>I4c0I4c0I4c0', data, at)
end
local function add(id, field, value)
  if maxlen == '' then return redis.pcall('XADD', stream, id, field, value) end
  return redis.pcall('XADD', stream, 'MAXLEN', '~', maxlen, id, field, value)
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
