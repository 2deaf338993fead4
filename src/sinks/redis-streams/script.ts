import { createHash } from 'node:crypto'
import type { RedisCommands } from '../../redis/client.js'

/** A program that runs inside Redis, at once and without another one's command in between. */
export class Script {
  readonly #sha: string

  constructor(private readonly text: string) {
    this.#sha = createHash('sha1').update(text).digest('hex')
  }

  /** Sends the text only to a server that does not know it: after a restart, or a failover. */
  async run(commands: RedisCommands, keys: readonly string[], args: readonly string[], timeoutMs: number): Promise<readonly unknown[]> {
    const rest = [String(keys.length), ...keys, ...args]
    const reply = await commands.send(['EVALSHA', this.#sha, ...rest], timeoutMs).catch((error: unknown) => {
      if (!isUnknown(error)) throw error
      return commands.send(['EVAL', this.text, ...rest], timeoutMs)
    })
    return reply as readonly unknown[]
  }
}

const isUnknown = (error: unknown): boolean => error instanceof Error && 'reason' in error && error.reason === 'NOSCRIPT'

/** Pieces that the scripts share. */
export const LUA = {
  /** The fields of an entry from `ARGV`: how many, then each. Answers whether the entry was added, and moves `at` behind it. */
  add: `
local function add(id, at)
  local last = at + tonumber(ARGV[at])
  if maxlen == '' then return redis.pcall('XADD', stream, id, unpack(ARGV, at + 1, last)), last + 1 end
  return redis.pcall('XADD', stream, 'MAXLEN', '~', maxlen, id, unpack(ARGV, at + 1, last)), last + 1
end`,

  /**
   * The stream's last id, which outlives the entry, and the first entry that is left. An id that Redis always refuses, once it knows that we may
   * add entries, finds out what forbids it.
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
